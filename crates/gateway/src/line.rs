//! The job's side of one connection, watched for the moment when the job hangs up.
//!
//! While an answer is on its way hyper, which has to let half-closed connections live, does not
//! read. So a job that has gone for good, as `docker events` after Ctrl-C, would hold a stream of
//! the cluster until the next event. But the end of input may also come from a job that still waits
//! for its answer; both look the same. Hence, after the end of input, an answer may go on for as
//! long as it doesn't fall silent for [`GRACE`]: a job that has gone breaks the line with the first
//! byte sent. A line that is broken already, by a reset or by the end of TLS without a good-bye, is
//! given up at once. dockerd itself has no patience: it cancels what it does at the end of input
//! (<https://pkg.go.dev/net/http#Request.Context>).
//!
//! What is read while watching is kept for hyper, or for the raw stream that follows.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use futures::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How long an answer may be silent once the job has sent its last byte.
const GRACE: Duration = Duration::from_secs(5);

/// How much is read ahead while watching, in bytes.
const AHEAD: usize = 4 * 1024;

/// Whose turn it is to speak on a connection.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// The request has arrived whole.
    heard: AtomicBool,
    /// The answer is whole, or was given up.
    answered: AtomicBool,
    watcher: AtomicWaker,
}

impl Turn {
    /// A request's head has arrived.
    pub(crate) fn begin(&self) {
        self.heard.store(false, Ordering::Relaxed);
        self.answered.store(false, Ordering::Relaxed);
    }

    /// The request is whole.
    pub(crate) fn heard(&self) {
        self.heard.store(true, Ordering::Relaxed);
        self.watcher.wake();
    }

    /// The answer is whole, or was given up.
    pub(crate) fn answered(&self) {
        self.answered.store(true, Ordering::Relaxed);
        self.watcher.wake();
    }

    /// Whether the last request was answered before it had arrived whole.
    pub(crate) fn answered_early(&self) -> bool {
        self.answered.load(Ordering::Relaxed) && !self.heard.load(Ordering::Relaxed)
    }

    /// Whether only the answer is awaited.
    fn is_answering(&self) -> bool {
        self.heard.load(Ordering::Relaxed) && !self.answered.load(Ordering::Relaxed)
    }
}

/// The stream that hyper serves. Clones share it, so that it can be watched from outside.
#[derive(Debug)]
pub(crate) struct Line<C>(Arc<Mutex<State<C>>>);

#[derive(Debug)]
struct State<C> {
    stream: C,
    /// What was read and not yet asked for.
    ahead: BytesMut,
    input: Input,
    /// How many bytes the job was sent.
    written: u64,
}

/// What is known of what the job sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    /// There may be more.
    Open,
    /// That was all.
    Ended,
    /// There would have been more.
    Broken(io::ErrorKind),
}

impl<C> Clone for Line<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C> Line<C> {
    pub(crate) fn new(stream: C) -> Self {
        let state = State { stream, ahead: BytesMut::new(), input: Input::Open, written: 0 };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Gives back bytes that were read and belong to whoever reads next.
    pub(crate) fn unread(&self, bytes: &[u8]) {
        let mut state = self.state();
        let rest = state.ahead.split();
        state.ahead.extend_from_slice(bytes);
        state.ahead.unsplit(rest);
    }

    fn state(&self) -> MutexGuard<'_, State<C>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: AsyncRead + Unpin> Line<C> {
    /// Returns when the job has sent its last byte, and an answer is on its way but silent; at once
    /// when the job's connection broke meanwhile.
    ///
    /// Must be polled by the task that serves the line, and after it.
    pub(crate) async fn abandoned(&self, turn: &Turn) {
        std::future::poll_fn(|context| {
            turn.watcher.register(context.waker());
            if turn.is_answering() { self.state().poll_end(context) } else { Poll::Pending }
        })
        .await;
        while self.state().input == Input::Ended {
            let written = self.state().written;
            tokio::time::sleep(GRACE).await;
            if turn.is_answering() && self.state().written == written {
                return;
            }
        }
    }
}

impl<C: AsyncRead + Unpin> State<C> {
    /// Reads ahead until the job has sent its last byte. Stays pending where it has sent more than
    /// the one request: that is read when its time comes.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.input == Input::Open && self.ahead.is_empty() {
            let mut space = [0; AHEAD];
            let mut buffer = ReadBuf::new(&mut space);
            let read = ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer));
            self.ahead.extend_from_slice(buffer.filled());
            self.input = match read {
                Ok(()) if buffer.filled().is_empty() => Input::Ended,
                Ok(()) => Input::Open,
                Err(error) => Input::Broken(error.kind()),
            };
        }
        if self.input == Input::Open { Poll::Pending } else { Poll::Ready(()) }
    }
}

impl<C: AsyncWrite + Unpin> State<C> {
    fn poll_send(
        &mut self,
        write: impl FnOnce(Pin<&mut C>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let length = ready!(write(Pin::new(&mut self.stream)))?;
        self.written += length as u64;
        Poll::Ready(Ok(length))
    }
}

impl<C: AsyncRead + Unpin> AsyncRead for Line<C> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.state();
        if !state.ahead.is_empty() {
            let length = state.ahead.len().min(buffer.remaining());
            buffer.put_slice(&state.ahead[..length]);
            state.ahead.advance(length);
            return Poll::Ready(Ok(()));
        }
        match state.input {
            Input::Open => Pin::new(&mut state.stream).poll_read(context, buffer),
            Input::Ended => Poll::Ready(Ok(())),
            Input::Broken(kind) => Poll::Ready(Err(kind.into())),
        }
    }
}

impl<C: AsyncWrite + Unpin> AsyncWrite for Line<C> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.state().poll_send(|stream| stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.state().poll_send(|stream| stream.poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.state().stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.state().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.state().stream).poll_shutdown(context)
    }
}

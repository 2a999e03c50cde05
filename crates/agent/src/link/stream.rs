//! The link as a stream, and what its two halves share: the stream above, the carriers below.

use super::frame::{Garbled, Seal};
use super::state::{Diverged, Role, State};
use super::terms::Terms;
use crate::AgentError;
use bytes::BytesMut;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::Instant;

/// A stream that survives its carriers.
///
/// Dropping it, or shutting it down, ends it for the other side too: behind all that was written,
/// as soon as a carrier is there to say so. Neither waits for that.
pub struct Link(Shared);

impl Link {
    pub(super) fn new(role: Role, terms: Terms) -> (Self, Shared) {
        let state = State::new(role, terms);
        let half = Half { state, failure: None, given_up: false, settled: false, wakers: vec![] };
        let shared = Shared(Arc::new((Mutex::new(half), Notify::new())));
        (Self(shared.clone()), shared)
    }

    pub(crate) fn fate(&self) -> Fate {
        Fate(self.0.clone())
    }
}

/// Tells what has become of a link whose stream is somebody else's.
pub(crate) struct Fate(Shared);

impl Fate {
    /// How long the link goes without contact.
    pub(crate) fn patience(&self) -> Duration {
        self.0.half().state.terms().patience
    }

    /// The link's failure in place of `error`, which may only be its consequence.
    pub(crate) fn explain(&self, error: AgentError) -> AgentError {
        self.0.half().failure.take().unwrap_or(error)
    }

    /// Returns when this end has said its last, or nobody is there to say it to.
    pub(crate) async fn settled(&self) {
        let settled = |half: &mut Half, cx: &Context<'_>| {
            if half.settled || half.given_up { Poll::Ready(()) } else { half.wait(cx) }
        };
        poll_fn(|cx| settled(&mut self.0.half(), cx)).await;
    }
}

/// Both halves' access to the state.
#[derive(Clone)]
pub(super) struct Shared(Arc<(Mutex<Half>, Notify)>);

struct Half {
    state: State,
    failure: Option<AgentError>,
    given_up: bool,
    /// This end has said its last.
    settled: bool,
    /// Of whoever waits above.
    wakers: Vec<Waker>,
}

impl Half {
    fn wait<T>(&mut self, cx: &Context<'_>) -> Poll<T> {
        if !self.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            self.wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

/// For the carriers.
impl Shared {
    fn half(&self) -> MutexGuard<'_, Half> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn received(&self) -> u64 {
        self.half().state.received()
    }

    pub(super) fn take_up(&self, seal: Seal, theirs: u64) -> Result<(), Diverged> {
        self.half().state.take_up(Instant::now(), seal, theirs)
    }

    /// Ends the use of a carrier; tells when the other end was last heard on it, if ever.
    pub(super) fn put_down(&self) -> Option<Instant> {
        let mut half = self.half();
        let heard = half.state.heard();
        half.state.put_down();
        heard
    }

    pub(super) fn hear(&self, bytes: &mut BytesMut) -> Result<(), Garbled> {
        let mut half = self.half();
        let heard = half.state.hear(Instant::now(), bytes);
        half.wake();
        heard
    }

    pub(super) fn heard_the_end(&self) -> bool {
        self.half().state.heard_the_end()
    }

    pub(super) fn finished(&self) -> bool {
        self.half().state.finished()
    }

    pub(super) fn speak(&self, out: &mut Vec<u8>) {
        self.half().state.speak(Instant::now(), out);
    }

    /// There may be something to say.
    pub(super) fn prompt(&self) {
        self.0.1.notify_one();
    }

    pub(super) async fn prompted(&self) {
        self.0.1.notified().await;
    }

    pub(super) fn next_beat(&self) -> Option<Instant> {
        self.half().state.next_beat()
    }

    pub(super) fn given_up(&self) -> Option<Instant> {
        self.half().state.given_up()
    }

    pub(super) fn over(&self) -> bool {
        self.half().state.over()
    }

    /// A carrier has taken this end's last frame.
    pub(super) fn settle(&self) {
        let mut half = self.half();
        half.settled = true;
        half.wake();
    }

    /// No carrier will come any more; the stream above ends.
    pub(super) fn give_up(&self, failure: Option<AgentError>) {
        let mut half = self.half();
        half.failure = failure;
        half.given_up = true;
        half.state.put_down();
        half.wake();
    }
}

impl AsyncRead for Link {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut half = self.0.half();
        let readable = half.state.readable();
        if readable.is_empty() {
            let ended = half.state.exhausted() || half.given_up;
            return if ended { Poll::Ready(Ok(())) } else { half.wait(cx) };
        }
        let size = readable.len().min(buf.remaining());
        buf.put_slice(&readable[..size]);
        half.state.consume(size);
        if half.state.has_news() {
            self.0.prompt();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut half = self.0.half();
        if half.given_up || half.state.finished() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let size = half.state.write(bytes);
        if size == 0 && !bytes.is_empty() {
            return half.wait(cx);
        }
        self.0.prompt();
        Poll::Ready(Ok(size))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.half().state.finish();
        self.0.prompt();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let mut half = self.0.half();
        half.state.finish();
        half.state.deafen();
        self.0.prompt();
    }
}

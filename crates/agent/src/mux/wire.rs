//! The duplex as the mux is lent it: heard only behind a greeting, and given back in the end.

use crate::greeting::{LONGEST, Verdict, judge};
use crate::{AgentError, Duplex};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, BufStream, ReadBuf};
use tokio::sync::oneshot;

/// Joins a frame's header and a short body in one write or read; long bodies pass it by.
const COALESCE: usize = 4 << 10;

/// A stream over a duplex. Its shutdown only flushes: who gets the duplex back shuts that down.
pub(super) struct Wire<D: Duplex> {
    /// [`None`] only while it is being dropped.
    stream: Option<BufStream<D>>,
    /// What has come of the other side's first line, until that was judged.
    line: Option<Vec<u8>>,
    verdict: Option<oneshot::Sender<Result<(), AgentError>>>,
    owner: Option<oneshot::Sender<D>>,
}

impl<D: Duplex> Wire<D> {
    /// Takes a duplex, which its drop gives back.
    pub(super) fn lend(duplex: D) -> (Self, Verdict, oneshot::Receiver<D>) {
        let (verdict, judged) = oneshot::channel();
        let (owner, returned) = oneshot::channel();
        let stream = BufStream::with_capacity(COALESCE, COALESCE, duplex);
        let wire = Self {
            stream: Some(stream),
            line: Some(Vec::new()),
            verdict: Some(verdict),
            owner: Some(owner),
        };
        (wire, Verdict(judged), returned)
    }

    fn stream(&mut self) -> io::Result<Pin<&mut BufStream<D>>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Takes in the greeting, and not a byte of what is behind it.
    fn poll_greeting(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(line) = &mut self.line {
            let Some(stream) = &mut self.stream else { break };
            let bytes = ready!(Pin::new(&mut *stream).poll_fill_buf(cx))?;
            let room = &bytes[..bytes.len().min(LONGEST - line.len())];
            let size = memchr::memchr(b'\n', room).map_or(room.len(), |at| at + 1);
            line.extend_from_slice(&room[..size]);
            Pin::new(stream).consume(size);
            if size == 0 || line.ends_with(b"\n") || line.len() == LONGEST {
                let judged = judge(line);
                let accepted = judged.is_ok();
                let _ = self.verdict.take().map(|verdict| verdict.send(judged));
                if !accepted {
                    return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
                }
                self.line = None;
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// What can't be written is passed over: whoever is gone may have said something before that is
/// still to be read, and at the end of that the stream ends anyway.
fn unless_broken<T>(result: io::Result<T>, instead: T) -> io::Result<T> {
    result.or_else(|error| {
        tracing::debug!(%error, "nobody takes what the mux writes");
        Ok(instead)
    })
}

impl<D: Duplex> Drop for Wire<D> {
    fn drop(&mut self) {
        if let (Some(stream), Some(owner)) = (self.stream.take(), self.owner.take()) {
            let _ = owner.send(stream.into_inner());
        }
    }
}

impl<D: Duplex> AsyncRead for Wire<D> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_greeting(cx))?;
        self.stream()?.poll_read(cx, buf)
    }
}

impl<D: Duplex> AsyncWrite for Wire<D> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(self.stream()?.poll_write(cx, bytes));
        Poll::Ready(unless_broken(written, bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(self.stream()?.poll_flush(cx));
        Poll::Ready(unless_broken(flushed, ()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

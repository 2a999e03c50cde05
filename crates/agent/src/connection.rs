//! One connection of a Docker client of the job, as a stream of the mux.

use crate::hangups::Hangups;
use crate::mux::{Purpose, Stream};
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A connection of the job's, to be served as if its client were right here.
///
/// The directions end independently: shutting down leaves reading possible, and end of file leaves
/// writing possible. Writes fail with [`io::ErrorKind::BrokenPipe`] once the client is gone.
pub struct DockerConnection {
    stream: Stream,
    socket: u8,
    far_gone: CancellationToken,
    until_far_gone: Pin<Box<WaitForCancellationFutureOwned>>,
    hangup: Hangup,
}

/// Tells the other side on drop. A field of its own, after `stream`, so that the stream's own
/// good-bye comes first.
struct Hangup {
    hangups: Hangups,
    id: u32,
}

impl Drop for Hangup {
    fn drop(&mut self) {
        self.hangups.near(self.id);
    }
}

impl DockerConnection {
    /// A connection that this side opened for a client of the socket with this index.
    pub(crate) fn opened(stream: Stream, socket: u8, hangups: &Hangups) -> Self {
        let id = stream.get_ref().id().val();
        let far_gone = hangups.take_up(id);
        let until_far_gone = Box::pin(far_gone.clone().cancelled_owned());
        let hangup = Hangup { hangups: hangups.clone(), id };
        Self { stream, socket, far_gone, until_far_gone, hangup }
    }

    /// A connection that the other side opened; [`None`] when it broke at once.
    pub(crate) async fn arrived(stream: Stream, hangups: &Hangups) -> Option<Self> {
        let mut connection = Self::opened(stream, 0, hangups);
        let purpose = Purpose::read(&mut connection.stream).await.ok()?;
        let Purpose::Docker(socket) = purpose else { return None };
        Some(Self { socket, ..connection })
    }

    /// Which of [`Start::sockets`](crate::Start::sockets) the client connected to.
    pub fn socket(&self) -> usize {
        usize::from(self.socket)
    }

    /// Cancelled once the other side has dropped the connection.
    pub(crate) fn far_gone(&self) -> CancellationToken {
        self.far_gone.clone()
    }
}

impl fmt::Debug for DockerConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DockerConnection").field("id", &self.hangup.id).finish_non_exhaustive()
    }
}

impl AsyncRead for DockerConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for DockerConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.far_gone.is_cancelled() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if let written @ Poll::Ready(_) = Pin::new(&mut self.stream).poll_write(cx, bytes) {
            return written;
        }
        ready!(self.until_far_gone.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The connections of the job's Docker clients, as they come.
///
/// At most 192 at a time; further clients wait until one is dropped.
#[derive(Debug)]
pub struct DockerConnections(pub(crate) UnboundedReceiver<DockerConnection>);

impl DockerConnections {
    /// The next connection; [`None`] when there will be no more. Safe to cancel.
    pub async fn accept(&mut self) -> Option<DockerConnection> {
        self.0.recv().await
    }
}

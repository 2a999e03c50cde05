//! One connection as hyper wants it; one with TLS remembers to ask why a write failed.
//!
//! Under TLS 1.3 a server judges the client's certificate after the client has finished its
//! handshake (<https://www.rfc-editor.org/rfc/rfc8446#section-4.4.2.4>): the alert races with the
//! first request. The write may fail first, with "connection reset", while the alert that says why
//! is waiting to be read.

use std::error::Error;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncBufRead, AsyncRead, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::client;

/// What is read from the network at once, in bytes. rustls itself asks for 4 KiB at a time, which
/// makes for four system calls where one would do.
const READ: usize = 64 * 1024;

/// One connection of either kind.
pub(super) type Stream = Box<dyn Io>;

/// What hyper asks of a connection.
pub(super) trait Io: Read + Write + Send + Unpin {}

impl<T: Read + Write + Send + Unpin> Io for T {}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// TCP beneath TLS.
type Tcp = BufReader<TcpStream>;

/// A socket with few system calls: whoever reads less than [`READ`] is served from memory.
pub(super) fn buffered<S: AsyncRead>(socket: S) -> BufReader<S> {
    BufReader::with_capacity(READ, socket)
}

/// A connection after its handshake.
#[derive(Debug)]
pub(super) struct TlsStream {
    stream: TokioIo<client::TlsStream<Tcp>>,
    /// A write that failed, kept until it is known whether the server said why.
    broken: Option<io::Error>,
}

impl TlsStream {
    pub(super) fn new(stream: client::TlsStream<Tcp>) -> Self {
        Self { stream: TokioIo::new(stream), broken: None }
    }

    fn stream(&mut self) -> Pin<&mut TokioIo<client::TlsStream<Tcp>>> {
        Pin::new(&mut self.stream)
    }

    /// Runs a write; if the connection broke, prefers what the server said to the bare failure.
    ///
    /// A broken connection always becomes readable, be it with its end, so the wait is short.
    fn write<T>(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(
            Pin<&mut TokioIo<client::TlsStream<Tcp>>>,
            &mut Context<'_>,
        ) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.broken.is_none() {
            match ready!(write(self.stream(), context)) {
                Err(error) if is_broken(&error) => self.broken = Some(error),
                written => return Poll::Ready(written),
            }
        }
        let said = ready!(Pin::new(self.stream.inner_mut()).poll_fill_buf(context)).err();
        let broken = self.broken.take();
        Poll::Ready(Err(said
            .filter(is_tls)
            .or(broken)
            .unwrap_or_else(|| ErrorKind::BrokenPipe.into())))
    }
}

impl Read for TlsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream().poll_read(context, buffer)
    }
}

impl Write for TlsStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(context, |stream, context| stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(context, |stream, context| stream.poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(context, Write::poll_flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(context)
    }
}

fn is_broken(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}

fn is_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<rustls::Error>)
}

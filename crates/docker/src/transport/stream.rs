//! One TLS connection as hyper wants it, which remembers to ask why a write failed.
//!
//! Under TLS 1.3 a server judges the client's certificate after the client has finished its
//! handshake (<https://www.rfc-editor.org/rfc/rfc8446#section-4.4.2.4>): the alert races with the
//! first request. The write may fail first, with "connection reset", while the alert that says why
//! is waiting to be read.

use std::error::Error;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncBufRead;
use tokio::net::TcpStream;
use tokio_rustls::client;

/// A connection after its handshake. What [`hyper::upgrade::Upgraded::downcast`] finds.
#[derive(Debug)]
pub struct TlsStream(TokioIo<client::TlsStream<TcpStream>>);

impl TlsStream {
    pub(super) fn new(stream: client::TlsStream<TcpStream>) -> Self {
        Self(TokioIo::new(stream))
    }

    /// The connection beneath, for copying bytes without hyper.
    pub fn into_inner(self) -> client::TlsStream<TcpStream> {
        self.0.into_inner()
    }

    fn stream(&mut self) -> Pin<&mut TokioIo<client::TlsStream<TcpStream>>> {
        Pin::new(&mut self.0)
    }

    /// Prefers what the server said before it closed to the bare failure of a write.
    fn told_by_the_server(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let Poll::Ready(Err(error)) = written else { return written };
        let told = match Pin::new(self.0.inner_mut()).poll_fill_buf(context) {
            Poll::Ready(Err(said)) if is_tls(&said) => said,
            _ => error,
        };
        Poll::Ready(Err(told))
    }
}

impl Connection for TlsStream {
    fn connected(&self) -> Connected {
        Connected::new()
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
        let written = self.stream().poll_write(context, bytes);
        self.told_by_the_server(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream().poll_write_vectored(context, slices);
        self.told_by_the_server(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.stream().poll_flush(context).map_ok(|()| 0);
        self.told_by_the_server(context, flushed).map_ok(drop)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(context)
    }
}

fn is_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<rustls::Error>)
}

//! The program's own stdin and stdout as one stream.

use crate::{Duplex, host};
use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncWrite, join};
use tokio::net::unix::pipe;
use tokio::time::{Sleep, sleep};

/// A pause after a write that has filled the pipe. Its reader would wake this process for each
/// page that it has taken out; so it takes out many.
const DRAINING: Duration = Duration::from_millis(1);

/// Opens both, which have to be pipes.
pub fn open() -> io::Result<impl Duplex> {
    let input = pipe::Receiver::from_owned_fd(io::stdin().as_fd().try_clone_to_owned()?)?;
    let output = pipe::Sender::from_owned_fd(io::stdout().as_fd().try_clone_to_owned()?)?;
    host::widen(&output);
    Ok(join(input, Output { pipe: output, pause: None }))
}

struct Output {
    pipe: pipe::Sender,
    /// While the pipe is full.
    pause: Option<Pin<Box<Sleep>>>,
}

impl AsyncWrite for Output {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let size = ready!(Pin::new(&mut self.pipe).poll_write(cx, bytes))?;
        if size < bytes.len() {
            self.pause = Some(Box::pin(sleep(DRAINING)));
        }
        Poll::Ready(Ok(size))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

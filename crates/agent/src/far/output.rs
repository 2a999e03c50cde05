//! The script's output, from its one pipe to `run`.

use crate::mux::{FRAME, Stream};
use rustix::io::Errno;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, WriteHalf};
use tokio::net::unix::pipe;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// A pause after a read that has left nothing in the pipe, which fills again meanwhile. A program
/// that writes its output in small pieces has them gathered by it: each piece costs time in every
/// process on the way to the job log. What comes after a silence doesn't wait.
const GATHERING: Duration = Duration::from_millis(1);

/// Carries bytes as they come until the pipe ends, and then says so.
///
/// `writers_gone` says that every process of the script has ended, so that all they wrote is in
/// the pipe by now. The end is then where the pipe is empty, even when somebody outside of the
/// script's tree was handed the other end and keeps it open.
pub(super) async fn pump(
    mut from: pipe::Receiver,
    mut to: WriteHalf<Stream>,
    writers_gone: CancellationToken,
) -> io::Result<()> {
    let mut buffer = vec![0; FRAME];
    loop {
        let size = tokio::select! {
            biased;
            () = writers_gone.cancelled() => remainder(&from, &mut buffer)?,
            size = from.read(&mut buffer) => size?,
        };
        if size == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..size]).await?;
        if size < buffer.len() {
            let _ = timeout(GATHERING, writers_gone.cancelled()).await;
        }
    }
}

/// Reads past tokio, whose knowledge of whether there is something to read may be a little old.
fn remainder(from: &pipe::Receiver, buffer: &mut [u8]) -> io::Result<usize> {
    match rustix::io::read(from, buffer) {
        Err(Errno::AGAIN) => Ok(0),
        read => Ok(read?),
    }
}

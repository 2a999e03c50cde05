//! Frames in which an engine sends stdout and stderr over one raw stream: a header of eight bytes
//! (which stream, three zeros, the length in big endian), then the bytes
//! (<https://docs.docker.com/reference/api/engine/version/v1.45/#tag/Container/operation/ContainerAttach>,
//! <https://github.com/moby/moby/blob/v20.10.24/pkg/stdcopy/stdcopy.go>).

#[cfg(test)]
mod tests;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf, Take};

use super::stderr::Stderr;

const HEADER: usize = 8;

/// How much of stderr is read at once, in bytes.
const SIP: usize = 1024;

/// Stdout out of the frames; what is on stderr goes to [`Stderr`].
///
/// Bytes go from the stream straight into the reader's buffer, so a frame may be of any length.
#[derive(Debug)]
pub(super) struct Frames<S> {
    /// Limited to what is left of the frame.
    stream: Take<S>,
    at: At,
    stderr: Stderr,
}

#[derive(Debug)]
enum At {
    /// So many bytes of a header have come.
    Header([u8; HEADER], usize),
    Stdout,
    Stderr,
}

impl<S: AsyncRead + Unpin> Frames<S> {
    pub(super) fn new(stream: S, stderr: Stderr) -> Self {
        Self { stream: stream.take(0), at: At::START, stderr }
    }

    /// The stream beneath.
    pub(super) fn get_ref(&self) -> &S {
        self.stream.get_ref()
    }

    /// The stream beneath, for writing.
    pub(super) fn get_mut(&mut self) -> &mut S {
        self.stream.get_mut()
    }

    /// Reads on in stdout. The end of file comes only between two frames.
    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        while buffer.remaining() > 0 {
            match self.at {
                At::Header(..) => {
                    if !ready!(self.poll_header(context))? {
                        return Poll::Ready(Ok(()));
                    }
                }
                _ if self.stream.limit() == 0 => self.at = At::START,
                At::Stdout => {
                    ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
                    if buffer.filled().len() > before {
                        return Poll::Ready(Ok(()));
                    }
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                At::Stderr => ready!(self.poll_stderr(context))?,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads on in the header; false at the end of the stream.
    fn poll_header(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let At::Header(header, have) = &mut self.at else { return Poll::Ready(Ok(true)) };
        let mut missing = ReadBuf::new(&mut header[*have..]);
        ready!(Pin::new(self.stream.get_mut()).poll_read(context, &mut missing))?;
        match (missing.filled().len(), *have) {
            (0, 0) => return Poll::Ready(Ok(false)),
            (0, _) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            (came, _) => *have += came,
        }
        if *have == HEADER {
            let (at, length) = read(*header)?;
            self.at = at;
            self.stream.set_limit(length);
        }
        Poll::Ready(Ok(true))
    }

    fn poll_stderr(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; SIP];
        let mut buffer = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
        match buffer.filled() {
            [] => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            heard => {
                self.stderr.hear(heard);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl At {
    const START: Self = Self::Header([0; HEADER], 0);
}

/// What a header announces. Stream 0 is meant for stdout too, 3 is the engine's own word.
fn read(header: [u8; HEADER]) -> io::Result<(At, u64)> {
    let [stream, zeros @ .., a, b, c, d] = header;
    let length = u32::from_be_bytes([a, b, c, d]).into();
    match (stream, zeros) {
        (0 | 1, [0, 0, 0]) => Ok((At::Stdout, length)),
        (2 | 3, [0, 0, 0]) => Ok((At::Stderr, length)),
        _ => {
            let words = format!("no frame of a container's output: {}", header.escape_ascii());
            Err(io::Error::new(io::ErrorKind::InvalidData, words))
        }
    }
}

//! What the near and the far side need of the thing that carries their bytes.

use tokio::io::{AsyncRead, AsyncWrite};

/// Carries bytes in order, both ways: a child's pipes, a socket, an attach to a container.
///
/// Its end of file in one direction means that the other side is gone for good. Its shutdown tells
/// the other side so, and may take until that one has ended.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Duplex for T {}

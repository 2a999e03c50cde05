//! One end of a connection, spoken byte by byte.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a test waits for bytes that must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// The job's end.
pub(crate) type Job = Wire<DuplexStream>;

/// A stream with what was read of it and not yet looked at.
pub(crate) struct Wire<S> {
    stream: S,
    seen: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, seen: Vec::new() }
    }

    pub(crate) async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Ends what this end sends, and goes on listening.
    pub(crate) async fn end(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Waits for a head, up to and with the empty line.
    pub(crate) async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    /// Waits for bytes that end with the given ones.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = find(&self.seen, end.as_bytes()) {
                let bytes = self.seen.drain(..at + end.len()).collect();
                return String::from_utf8(bytes).unwrap();
            }
            let seen = String::from_utf8_lossy(&self.seen).into_owned();
            assert!(self.more().await, "{end:?} never came, only {seen:?}");
        }
    }

    /// Waits for exactly these bytes.
    pub(crate) async fn hears(&mut self, expected: &str) {
        assert_eq!(self.until(expected).await, expected);
    }

    /// Waits until the other end has ended what it sends; what came before, whether it ended
    /// properly or broke.
    pub(crate) async fn rest(&mut self) -> String {
        while self.more().await {}
        String::from_utf8(std::mem::take(&mut self.seen)).unwrap()
    }

    /// Waits until the connection breaks, which is not its end.
    pub(crate) async fn breaks(&mut self) {
        let mut space = vec![0; 64 * 1024];
        loop {
            match timeout(PATIENCE, self.stream.read(&mut space)).await.expect("an end in time") {
                Ok(0) => panic!("it ended neatly"),
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }

    async fn more(&mut self) -> bool {
        let seen = String::from_utf8_lossy(&self.seen).into_owned();
        let mut space = vec![0; 64 * 1024];
        let read = timeout(PATIENCE, self.stream.read(&mut space)).await;
        let length = read
            .unwrap_or_else(|_| panic!("nothing came within {PATIENCE:?} after {seen:?}"))
            .unwrap_or(0);
        self.seen.extend_from_slice(&space[..length]);
        length > 0
    }

    /// Reads and throws away this many bytes.
    pub(crate) async fn swallow(&mut self, mut count: usize) {
        let held = count.min(self.seen.len());
        self.seen.drain(..held);
        count -= held;
        let mut space = vec![0; 64 * 1024];
        while count > 0 {
            let wanted = count.min(space.len());
            let length = timeout(PATIENCE, self.stream.read(&mut space[..wanted])).await;
            let length = length.expect("bytes in time").unwrap();
            assert!(length > 0, "{count} bytes are missing");
            count -= length;
        }
    }
}

impl Wire<TcpStream> {
    /// Resets the connection: nothing more comes, and this is no end.
    pub(crate) fn break_off(self) {
        self.stream.set_zero_linger().unwrap();
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

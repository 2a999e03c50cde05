//! One connection: two ways, each a queue of bytes with the moment at which they are due.
//!
//! Who writes never waits for who reads at the other end, up to [`UNDER_WAY`] chunks: that is what
//! makes it a delay and not a throttle.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rustix::net::sockopt::set_socket_linger;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio::try_join;

use super::line::{Line, Speaker};

/// Bytes read at once, at most.
const CHUNK: usize = 64 * 1024;

/// Chunks that may be under way in one direction: 16 MiB if they are full, which 25 ms of delay
/// hold at 600 MB/s.
const UNDER_WAY: usize = 256;

/// Bytes and the moment at which they arrive; no bytes are the end of what the speaker says.
type Due = (Instant, Bytes);

/// Passes everything between the client and the target until both have said their last. A
/// connection that ends in any other way, this future being dropped included, is reset at both
/// ends.
pub(super) async fn carry(
    mut client: TcpStream,
    target: SocketAddr,
    line: Arc<Line>,
) -> io::Result<()> {
    let opened = Instant::now();
    line.count_connection();
    reset_when_dropped(&client)?;
    line.clear().await;
    let mut engine = TcpStream::connect(target).await?;
    reset_when_dropped(&engine)?;
    client.set_nodelay(true)?;
    engine.set_nodelay(true)?;
    let way = Way { line: &line, asked: &AtomicBool::new(false), speaker: Speaker::Client };
    let (from_client, to_client) = client.split();
    let (from_engine, to_engine) = engine.split();
    // The client's kernel saw the connection open at once; over the real line it would have
    // begun to speak after a round trip.
    let first_word = opened + 2 * line.delay();
    try_join!(
        way.pass(from_client, to_engine, first_word),
        Way { speaker: Speaker::Engine, ..way }.pass(from_engine, to_client, opened),
    )?;
    finish_when_dropped(&client)?;
    finish_when_dropped(&engine)
}

/// One direction of a connection.
#[derive(Clone, Copy)]
struct Way<'a> {
    line: &'a Line,
    /// The client has spoken and not been answered.
    asked: &'a AtomicBool,
    speaker: Speaker,
}

impl Way<'_> {
    async fn pass(
        self,
        from: ReadHalf<'_>,
        to: WriteHalf<'_>,
        not_before: Instant,
    ) -> io::Result<()> {
        let (queue, arriving) = mpsc::channel(UNDER_WAY);
        try_join!(self.depart(from, queue, not_before), self.arrive(arriving, to)).map(drop)
    }

    async fn depart(
        self,
        mut from: ReadHalf<'_>,
        queue: mpsc::Sender<Due>,
        not_before: Instant,
    ) -> io::Result<()> {
        loop {
            self.line.clear().await;
            let mut chunk = BytesMut::with_capacity(CHUNK);
            let read = from.read_buf(&mut chunk).await?;
            self.count(read);
            let due = Instant::now().max(not_before) + self.line.delay();
            if queue.send((due, chunk.freeze())).await.is_err() || read == 0 {
                return Ok(());
            }
        }
    }

    async fn arrive(self, mut queue: mpsc::Receiver<Due>, mut to: WriteHalf<'_>) -> io::Result<()> {
        while let Some((due, chunk)) = queue.recv().await {
            sleep_until(due).await;
            self.line.clear().await;
            if chunk.is_empty() {
                return to.shutdown().await;
            }
            let allowed = self.line.spend(chunk.len());
            to.write_all(&chunk[..allowed.bytes]).await?;
            if allowed.last {
                // The cut drops this future.
                return pending().await;
            }
        }
        Ok(())
    }

    fn count(self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        self.line.count_bytes(self.speaker, bytes);
        let asked = self.asked.swap(self.speaker == Speaker::Client, Relaxed);
        if asked && self.speaker == Speaker::Engine {
            self.line.count_round_trip();
        }
    }
}

/// `SO_LINGER` of zero makes close a reset: socket(7).
fn reset_when_dropped(stream: &TcpStream) -> io::Result<()> {
    Ok(set_socket_linger(stream, Some(Duration::ZERO))?)
}

fn finish_when_dropped(stream: &TcpStream) -> io::Result<()> {
    Ok(set_socket_linger(stream, None)?)
}

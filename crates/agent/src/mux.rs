//! Many streams on one duplex, by yamux (<https://github.com/hashicorp/yamux/blob/master/spec.md>).
//!
//! One task owns the yamux connection; [`Opener`]s ask it for streams, and [`Inbound`] yields those
//! that the other side has opened. When the last opener is gone the task sends what was written to
//! the streams, says good-bye, shuts the duplex down and ends. On the other side, what has come
//! until then can still be read. Each stream begins with its [`Purpose`], which also makes the
//! other side see it at once: yamux itself announces a stream with its first bytes only.
//!
//! What yamux can't do is left to [`hangups`](crate::hangups): a side that has sent its end of
//! file and then drops the stream can't tell the other one that nobody reads any more.

mod wire;

use crate::Duplex;
use crate::greeting::{self, Verdict};
use futures::io::AsyncWriteExt as _;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
use tokio::sync::{mpsc, oneshot};
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt, TokioAsyncReadCompatExt};
use tokio_util::task::AbortOnDropHandle;
use wire::Wire;
use yamux::{Connection, Mode};

/// How many docker connections are served at a time; more wait in the socket's backlog.
///
/// Below yamux's limit of 256 streams that the other side has not acknowledged yet.
pub(crate) const DOCKER_CONNECTIONS: usize = 192;

/// Twice what is ever open: a side may see a stream's end a little later than the other, and
/// yamux answers one stream too many by ending everything.
const STREAMS: usize = 2 * (DOCKER_CONNECTIONS + 2);

/// What all streams together may buffer beyond yamux's 256 KiB for each. A stream's window grows
/// into it when the round trip is long, as it is to a remote engine.
const EXTRA_WINDOW: usize = 2 << 20;

/// Bytes per frame: twice as much is no faster (see the example `throughput`), but delays others.
pub(crate) const FRAME: usize = 64 << 10;

/// One stream of the mux.
pub(crate) type Stream = Compat<yamux::Stream>;

/// What a stream is for; its first two bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Messages, both ways. Opened by `run`.
    Control,
    /// The script towards the agent, its output towards `run`. Opened by `run`.
    Shell,
    /// A connection that the agent accepted on the socket with this index.
    Docker(u8),
}

/// Which side of the duplex this is; yamux numbers streams by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// `run`.
    Near,
    /// The agent.
    Far,
}

/// A mux that has been started.
pub(crate) struct Mux {
    pub(crate) opener: Opener,
    pub(crate) inbound: Inbound,
    /// What is thought of the other side's greeting.
    pub(crate) verdict: Verdict,
    /// The task that drives it. Dropping the handle drops the duplex at once.
    pub(crate) driver: AbortOnDropHandle<()>,
}

/// Starts a mux on `duplex`, which begins with a greeting of both sides.
pub(crate) fn start<D: Duplex>(duplex: D, side: Side) -> Mux {
    let (wire, verdict, returned) = Wire::lend(duplex);
    let (requests, asked) = mpsc::channel(1);
    let (arrived, inbound) = mpsc::unbounded_channel();
    let driving = async move {
        let end = drive(wire, side, asked, arrived).await;
        let Ok(mut duplex) = returned.await else { return };
        if end == End::Theirs {
            // Behind the good-bye comes the end of the duplex, when the other side has ended.
            let _ = copy(&mut duplex, &mut sink()).await;
        }
        let _ = duplex.shutdown().await;
    };
    let driver = AbortOnDropHandle::new(tokio::spawn(driving));
    Mux { opener: Opener(requests), inbound: Inbound(inbound), verdict, driver }
}

fn config() -> yamux::Config {
    let windows = STREAMS * yamux::DEFAULT_CREDIT as usize + EXTRA_WINDOW;
    let mut config = yamux::Config::default();
    config
        .set_max_num_streams(STREAMS)
        .set_max_connection_receive_window(Some(windows))
        .set_split_send_size(FRAME);
    config
}

/// Opens streams towards the other side.
#[derive(Clone)]
pub(crate) struct Opener(mpsc::Sender<oneshot::Sender<yamux::Stream>>);

impl Opener {
    /// Opens a stream; the other side sees it at once.
    pub(crate) async fn open(&self, purpose: Purpose) -> io::Result<Stream> {
        let (reply, answer) = oneshot::channel();
        self.0.send(reply).await.map_err(|_| gone())?;
        let mut stream = answer.await.map_err(|_| gone())?;
        stream.write_all(&purpose.encode()).await?;
        Ok(stream.compat())
    }
}

/// The streams that the other side opened.
pub(crate) struct Inbound(mpsc::UnboundedReceiver<yamux::Stream>);

impl Inbound {
    /// The next stream; [`None`] once the mux has ended.
    pub(crate) async fn next(&mut self) -> Option<Stream> {
        self.0.recv().await.map(FuturesAsyncReadCompatExt::compat)
    }
}

impl Purpose {
    /// Reads the purpose off the head of a stream that the other side opened.
    pub(crate) async fn read(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> io::Result<Self> {
        let mut head = [0; 2];
        stream.read_exact(&mut head).await?;
        match head {
            [0, _] => Ok(Self::Control),
            [1, _] => Ok(Self::Shell),
            [2, socket] => Ok(Self::Docker(socket)),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "a stream of unknown purpose")),
        }
    }

    fn encode(self) -> [u8; 2] {
        match self {
            Self::Control => [0, 0],
            Self::Shell => [1, 0],
            Self::Docker(socket) => [2, socket],
        }
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the mux has ended")
}

/// How a mux ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// This side said good-bye.
    Ours,
    /// The other side did, or is gone.
    Theirs,
    Broken,
}

async fn drive<D: Duplex>(
    mut wire: Wire<D>,
    side: Side,
    asked: mpsc::Receiver<oneshot::Sender<yamux::Stream>>,
    arrived: mpsc::UnboundedSender<yamux::Stream>,
) -> End {
    // Not flushed yet, so that it goes with what follows it.
    if let Err(error) = wire.write_all(greeting::line().as_bytes()).await {
        tracing::debug!(%error, "no way to greet");
    }
    let mode = if side == Side::Near { Mode::Client } else { Mode::Server };
    let connection = Connection::new(wire.compat(), config(), mode);
    Driver { connection, asked, next: None, arrived }.run().await
}

struct Driver<D: Duplex> {
    connection: Connection<Compat<Wire<D>>>,
    asked: mpsc::Receiver<oneshot::Sender<yamux::Stream>>,
    next: Option<oneshot::Sender<yamux::Stream>>,
    arrived: mpsc::UnboundedSender<yamux::Stream>,
}

impl<D: Duplex> Driver<D> {
    async fn run(mut self) -> End {
        match poll_fn(|cx| self.poll(cx)).await {
            Ok(()) => {}
            Err(yamux::ConnectionError::Closed) => return End::Theirs,
            Err(error) => {
                tracing::debug!(%error, "the mux broke");
                return End::Broken;
            }
        }
        if let Err(error) = poll_fn(|cx| self.connection.poll_close(cx)).await {
            tracing::debug!(%error, "the mux could not say good-bye");
        }
        End::Ours
    }

    /// Ready with `Ok` when all openers are gone, with `Err` when the other side is.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<yamux::Result<()>> {
        loop {
            if self.next.is_none() {
                match self.asked.poll_recv(cx) {
                    Poll::Ready(None) => return Poll::Ready(Ok(())),
                    Poll::Ready(request) => self.next = request,
                    Poll::Pending => {}
                }
            }
            if self.poll_open(cx)?.is_ready() {
                continue;
            }
            match self.connection.poll_next_inbound(cx)? {
                // Nobody takes streams any more: dropped, which resets it.
                Poll::Ready(Some(stream)) => drop(self.arrived.send(stream)),
                Poll::Ready(None) => return Poll::Ready(Err(yamux::ConnectionError::Closed)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<yamux::Result<()>> {
        let Some(reply) = self.next.take() else { return Poll::Pending };
        match self.connection.poll_new_outbound(cx)? {
            Poll::Ready(stream) => {
                // Whoever asked may have gone: never announced, the other side doesn't see it.
                let _ = reply.send(stream);
                Poll::Ready(Ok(()))
            }
            Poll::Pending => {
                self.next = Some(reply);
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::duplex;

    #[tokio::test]
    async fn all_that_was_written_before_the_good_bye_can_be_read_behind_it() {
        let (near, far) = duplex(1 << 20);
        let (near, mut far) = (start(near, Side::Near), start(far, Side::Far));
        let mut to_far = near.opener.open(Purpose::Shell).await.unwrap();
        let mut stream = far.inbound.next().await.unwrap();
        Purpose::read(&mut stream).await.unwrap();
        stream.write_all(&vec![7; 200_000]).await.unwrap();
        stream.shutdown().await.unwrap();
        drop((stream, far.opener));
        far.driver.await.unwrap();
        near.driver.await.unwrap();
        let mut read = Vec::new();
        to_far.read_to_end(&mut read).await.unwrap();
        assert_eq!(read.len(), 200_000);
        near.verdict.within(Duration::ZERO).await.unwrap();
    }
}

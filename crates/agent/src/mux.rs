//! Many streams on one duplex, by yamux (<https://github.com/hashicorp/yamux/blob/master/spec.md>).
//!
//! One task owns the yamux connection; [`Opener`]s ask it for streams, and [`Inbound`] yields those
//! that the other side has opened. When the last opener is gone the task says good-bye, shuts the
//! duplex down and ends; what was queued may or may not be sent before, so it is the side that has
//! nothing more to say that leaves. Each stream begins with its [`Purpose`], which also makes the
//! other side see it at once: yamux itself announces a stream with its first bytes only.
//!
//! What yamux can't do is left to [`hangups`](crate::hangups): a side that has sent its end of
//! file and then drops the stream can't tell the other one that nobody reads any more.

use crate::Duplex;
use futures::io::AsyncWriteExt as _;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use tokio::io::{AsyncReadExt, BufStream};
use tokio::sync::{mpsc, oneshot};
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt, TokioAsyncReadCompatExt};
use tokio_util::task::AbortOnDropHandle;
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

/// Joins a frame's header and a short body in one write or read; long bodies pass it by.
const COALESCE: usize = 4 << 10;

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

/// Buffers `duplex` as the mux wants it.
pub(crate) fn buffered<D: Duplex>(duplex: D) -> BufStream<D> {
    BufStream::with_capacity(COALESCE, COALESCE, duplex)
}

/// Starts the task that drives the mux on a stream that has been greeted over. Dropping the handle drops the duplex at once.
pub(crate) fn start<D: Duplex>(
    stream: BufStream<D>,
    side: Side,
) -> (Opener, Inbound, AbortOnDropHandle<()>) {
    let mode = if side == Side::Near { Mode::Client } else { Mode::Server };
    let connection = Connection::new(stream.compat(), config(), mode);
    let (requests, asked) = mpsc::channel(1);
    let (arrived, inbound) = mpsc::unbounded_channel();
    let driver = Driver { connection, asked, next: None, arrived };
    let task = AbortOnDropHandle::new(tokio::spawn(driver.run()));
    (Opener(requests), Inbound(inbound), task)
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

struct Driver<D> {
    connection: Connection<Compat<BufStream<D>>>,
    asked: mpsc::Receiver<oneshot::Sender<yamux::Stream>>,
    next: Option<oneshot::Sender<yamux::Stream>>,
    arrived: mpsc::UnboundedSender<yamux::Stream>,
}

impl<D: Duplex> Driver<D> {
    async fn run(mut self) {
        let ended = poll_fn(|cx| self.poll(cx)).await;
        if let Err(error) = ended {
            tracing::debug!(%error, "the mux ended");
            return;
        }
        if let Err(error) = poll_fn(|cx| self.connection.poll_close(cx)).await {
            tracing::debug!(%error, "the mux could not say good-bye");
        }
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

//! A line to an engine that a test can make slow, silent or dead while jobs talk over it.
//!
//! A [`Proxy`] listens on loopback and passes bytes to one engine. It looks into nothing: TLS goes
//! through untouched, so the engine's certificate has to name `localhost`, as those of
//! [`crate::nodes`] do. It delays and never throttles: what is under way is bounded so high that
//! only latency shows. It refuses to lose or reorder bytes of a connection that lives, because TCP
//! doesn't either; what a network can do to a connection beyond delay is to stop it or to end it.
//!
//! ```no_run
//! # async fn example(node: &testkit::nodes::Node) -> job::Result<()> {
//! use std::time::Duration;
//! use testkit::proxy::Proxy;
//!
//! let proxy = Proxy::in_front_of(node)?;
//! proxy.delay(Duration::from_millis(25));
//! // … a job at `proxy.endpoint()`
//! proxy.cut().await;
//! proxy.restore().await?;
//! # Ok(())
//! # }
//! ```

mod line;
mod port;
mod relay;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use job::{Failure, Result};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

pub use line::Traffic;

use crate::nodes::Node;
use line::Line;
use port::Port;

/// A TCP proxy in front of one engine. It serves on the tokio runtime that it was made in; dropped,
/// it is cut for good.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    line: Arc<Line>,
    orders: mpsc::UnboundedSender<Order>,
    _server: AbortOnDropHandle<()>,
}

/// What the server does only between two connections, and confirms.
enum Order {
    Cut(oneshot::Sender<()>),
    Restore(oneshot::Sender<io::Result<()>>),
}

impl Proxy {
    /// A proxy in front of a node's engine.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub fn in_front_of(node: &Node) -> Result<Self> {
        Self::to(SocketAddr::from((node.ip, 2376)))
    }

    /// A proxy to this address.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub fn to(target: SocketAddr) -> Result<Self> {
        let port = Port::open().map_err(cannot_listen)?;
        let (address, line) = (port.address(), Arc::new(Line::default()));
        let (orders, inbox) = mpsc::unbounded_channel();
        let server = Server { port, target, line: Arc::clone(&line), connections: JoinSet::new() };
        let server = AbortOnDropHandle::new(tokio::spawn(server.run(inbox)));
        Ok(Self { address, line, orders, _server: server })
    }

    /// Where it listens, as a Docker endpoint.
    pub fn endpoint(&self) -> String {
        format!("tcp://localhost:{}", self.address.port())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on every byte takes at least this long, each way; a new connection costs one round
    /// trip before its first byte, as TCP's handshake does.
    pub fn delay(&self, each_way: Duration) {
        self.line.set_delay(each_way);
    }

    /// Resets every connection and refuses new ones, until [`Proxy::restore`]. When this returns
    /// it has happened.
    pub async fn cut(&self) {
        let (done, confirmed) = oneshot::channel();
        // A server that has ended has cut everything already.
        let _ = self.orders.send(Order::Cut(done));
        let _ = confirmed.await;
    }

    /// Cuts as [`Proxy::cut`] does as soon as this many more bytes have passed, both ways and all
    /// connections together. No byte more arrives; as with any reset, fewer may be read.
    pub fn cut_after(&self, bytes: u64) {
        self.line.grant(bytes);
    }

    /// Passes nothing on, until [`Proxy::restore`]: connections stay, new ones are accepted, and
    /// nobody is told anything.
    pub fn black_hole(&self) {
        self.line.fall_silent();
    }

    /// Takes back [`Proxy::cut`], [`Proxy::cut_after`] and [`Proxy::black_hole`]: it listens where
    /// it did, and what was held back is delivered. The delay stays.
    ///
    /// # Errors
    ///
    /// It can't listen again.
    pub async fn restore(&self) -> Result<()> {
        let (done, confirmed) = oneshot::channel();
        let _ = self.orders.send(Order::Restore(done));
        let ended = |_| Err(io::ErrorKind::NotConnected.into());
        confirmed.await.unwrap_or_else(ended).map_err(cannot_listen)
    }

    /// What has passed since it was started.
    pub fn traffic(&self) -> Traffic {
        self.line.traffic()
    }
}

struct Server {
    port: Port,
    target: SocketAddr,
    line: Arc<Line>,
    connections: JoinSet<io::Result<()>>,
}

impl Server {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Order>) {
        loop {
            tokio::select! {
                Some(order) = inbox.recv() => self.obey(order).await,
                () = self.line.used_up() => self.cut().await,
                Some(_) = self.connections.join_next() => {}
                accepted = self.port.accept() => {
                    // An error here means that this process has no more descriptors.
                    let Ok(client) = accepted else { return };
                    let line = Arc::clone(&self.line);
                    self.connections.spawn(relay::carry(client, self.target, line));
                }
            }
        }
    }

    /// Nobody minds whether whoever ordered still waits for the confirmation.
    async fn obey(&mut self, order: Order) {
        match order {
            Order::Cut(done) => {
                self.cut().await;
                let _ = done.send(());
            }
            Order::Restore(done) => {
                self.line.recover();
                let _ = done.send(self.port.reopen());
            }
        }
    }

    async fn cut(&mut self) {
        self.line.forget_grant();
        self.port.close();
        self.connections.shutdown().await;
    }
}

fn cannot_listen(error: io::Error) -> Failure {
    Failure::system("cannot listen on loopback").caused_by(error)
}

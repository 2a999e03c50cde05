//! The Docker endpoint offered to the job, relayed to the cluster.
//!
//! The gateway speaks HTTP/1.1 with the job's Docker clients and passes every request on over the
//! one mutual-TLS [`Transport`], so the client key never enters the job. It relays Docker's whole
//! API: streams both ways without buffering, upgraded and plainly hijacked connections, half-closed
//! ones, and streams that stay silent for hours.
//!
//! - [`route`] reads what a request asks for, [`policy`] decides whether it may, [`audit`] records
//!   both;
//! - [`service`] is what is known of a service that a request would create or update;
//! - [`touched`] remembers the services that the job changed, and a [`witness`] looks at them before
//!   and after.
//!
//! It does not listen: connections arrive from whoever does, as plain byte streams. It does not
//! authenticate: whoever can open the socket is the job. And it changes nothing in what it passes
//! on but the headers that concern one connection only.

pub mod audit;
mod body;
mod connection;
mod hijack;
mod hop;
mod json;
mod line;
pub mod policy;
mod relay;
pub mod route;
pub mod service;
mod spec;
pub mod touched;
pub mod witness;

use std::fmt;
use std::sync::Arc;

use docker::Transport;
use futures::{Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::policy::Policy;
use crate::relay::Shared;
use crate::touched::{Ledger, Touched};
use crate::witness::Witness;

/// The way from the job's Docker clients to one cluster. Clones share everything.
#[derive(Clone)]
pub struct Gateway(Arc<Shared>);

impl Gateway {
    /// A gateway that lets through to the cluster what the policy allows.
    pub fn new(transport: Transport, policy: impl Policy + 'static) -> Self {
        let policy = Arc::new(policy);
        Self(Arc::new(Shared { transport, policy, witness: None, ledger: Ledger::default() }))
    }

    /// The same with somebody who looks at services around the job's changes.
    #[must_use]
    pub fn witnessed_by(self, witness: Arc<dyn Witness>) -> Self {
        Self(Arc::new(Shared { witness: Some(witness), ..(*self.0).clone() }))
    }

    /// Serves one connection until it ends. Dropping the future ends it at once.
    ///
    /// Failures are answered to the job or end the connection; none is the caller's.
    pub async fn serve<C>(&self, connection: C)
    where
        C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        connection::serve(Arc::clone(&self.0), connection).await;
    }

    /// Serves connections as they arrive, each in a task of its own, until no more arrive and all
    /// have ended. Dropping the future ends them at once. Records are made in the caller's span,
    /// which has to say whose they are.
    pub async fn serve_all<C>(&self, connections: impl Stream<Item = C>)
    where
        C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut connections = std::pin::pin!(connections.fuse());
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                Some(connection) = connections.next() => {
                    let serving = connection::serve(Arc::clone(&self.0), connection);
                    tasks.spawn(serving.in_current_span());
                }
                Some(_) = tasks.join_next() => {}
                else => break,
            }
        }
    }

    /// The services that the job has changed so far, in the order of the cluster's answers.
    pub fn touched(&self) -> Vec<Touched> {
        self.0.ledger.list()
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("transport", &self.0.transport).finish_non_exhaustive()
    }
}

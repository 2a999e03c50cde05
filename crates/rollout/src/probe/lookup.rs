//! The system's name lookup, a bounded number at a time.
//!
//! A lookup occupies a thread until the system gives up, however long its caller still waits: with
//! name servers that don't answer, each request would otherwise leave a thread behind.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;
use thiserror::Error;
use tokio::sync::Semaphore;
use tower_service::Service;

/// How many lookups go on at once.
const MOST_AT_ONCE: usize = 4;

/// A name without an address.
#[derive(Debug, Error)]
#[error("the name was not found")]
pub(super) struct NotFound(#[source] io::Error);

/// The system's name lookup.
#[derive(Clone, Debug)]
pub(super) struct Lookup(Arc<Semaphore>);

impl Default for Lookup {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST_AT_ONCE)))
    }
}

impl Lookup {
    async fn find(self, name: Name) -> Result<std::vec::IntoIter<SocketAddr>, NotFound> {
        let place =
            self.0.acquire_owned().await.map_err(|closed| NotFound(io::Error::other(closed)))?;
        let found = tokio::task::spawn_blocking(move || {
            // Given up with the thread, not with the request that waits for it.
            let _place = place;
            // The connector sets the port.
            (name.as_str(), 0).to_socket_addrs()
        });
        found.await.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(NotFound)
    }
}

impl Service<Name> for Lookup {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = NotFound;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, NotFound>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NotFound>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(self.clone().find(name))
    }
}

//! Name lookup, TCP, TLS: one connection within one time limit.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use thiserror::Error;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::stream::{self, TlsStream};
use super::{BoxError, Target};

/// How long a connection may be silent before the kernel asks whether the peer still lives, how
/// often it asks then, and how many times. Keeps idle streams through firewalls that forget, and
/// notices a peer that is gone within 75 seconds.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_PROBES: u32 = 3;

/// Why there is no connection, where the cause's own type does not say so.
#[derive(Debug, Error)]
pub(super) enum ConnectError {
    #[error("no answer within {}", humantime::format_duration(*.0))]
    TimedOut(Duration),
    #[error("cannot look up {0}")]
    NotResolved(String, #[source] io::Error),
    #[error("TLS handshake failed")]
    Handshake(#[source] io::Error),
}

/// Opens connections for the pool.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector<Resolver>,
    target: Arc<Target>,
    limit: Duration,
}

impl Connector {
    pub(super) fn new(target: Arc<Target>, limit: Duration) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(KEEPALIVE_INTERVAL));
        tcp.set_keepalive_retries(Some(KEEPALIVE_PROBES));
        Self { tcp, target, limit }
    }

    async fn connect(mut self, uri: Uri) -> Result<TlsStream, BoxError> {
        let tcp = self.tcp.call(uri).await?.into_inner();
        let name = self.target.endpoint.server_name().clone();
        TlsConnector::from(self.target.identity.tls())
            .connect(name, stream::buffered(tcp))
            .await
            .map(TlsStream::new)
            .map_err(|error| ConnectError::Handshake(error).into())
    }
}

impl Service<Uri> for Connector {
    type Response = TlsStream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<TlsStream, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let limit = self.limit;
        let connect = self.clone().connect(uri);
        Box::pin(async move {
            match tokio::time::timeout(limit, connect).await {
                Ok(connected) => connected,
                Err(_) => Err(ConnectError::TimedOut(limit).into()),
            }
        })
    }
}

/// The system's name lookup, whose failure can be told from a failure to connect.
#[derive(Clone, Copy)]
struct Resolver;

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(async move {
            // The connector sets the port.
            let found = tokio::net::lookup_host((name.as_str(), 0))
                .await
                .map_err(|error| ConnectError::NotResolved(name.to_string(), error))?;
            Ok(found.collect::<Vec<_>>().into_iter())
        })
    }
}

//! Name lookup, TCP, TLS, or a socket of this machine: one connection within one time limit.

use std::fs;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::BoxError;
use super::stream::{self, Stream, TlsStream};
use super::target::{Remote, Target};

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
    #[error("cannot open the socket")]
    Socket(#[source] io::Error),
    #[error("no socket")]
    NotASocket,
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

    async fn connect(self, uri: Uri) -> Result<Stream, BoxError> {
        let target = Arc::clone(&self.target);
        match &*target {
            Target::Remote(remote) => self.handshake(remote, uri).await,
            Target::Local(socket) => Ok(open(socket.path()).await?),
        }
    }

    async fn handshake(mut self, remote: &Remote, uri: Uri) -> Result<Stream, BoxError> {
        let tcp = self.tcp.call(uri).await?.into_inner();
        TlsConnector::from(remote.identity.tls())
            .connect(remote.endpoint.server_name().clone(), stream::buffered(tcp))
            .await
            .map(|tls| Box::new(TlsStream::new(tls)) as Stream)
            .map_err(|error| ConnectError::Handshake(error).into())
    }
}

async fn open(path: &Path) -> Result<Stream, ConnectError> {
    match UnixStream::connect(path).await {
        Ok(socket) => Ok(Box::new(TokioIo::new(stream::buffered(socket)))),
        Err(_) if is_other_file(path) => Err(ConnectError::NotASocket),
        Err(error) => Err(ConnectError::Socket(error)),
    }
}

fn is_other_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| !found.file_type().is_socket())
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

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

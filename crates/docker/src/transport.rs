//! The one way to an engine: HTTP/1.1, pooled, under bollard, the gateway and raw streams; over
//! mutual TLS to another machine, over a unix socket on this one.
//!
//! Bodies stream both ways and nothing is buffered whole. There is a time limit for connecting and
//! none for anything else: a quiet `docker logs -f` lives for hours.
//!
//! HTTP/2 is never offered: hijacked streams (`attach`, `exec`) need a connection of their own
//! (<https://docs.docker.com/reference/api/engine/version/v1.45/#tag/Container/operation/ContainerAttach>).
//!
//! A request is repeated only where hyper hands it back untouched because a pooled connection had
//! died before any byte was written, so none is ever sent twice.

mod connector;
mod error;
mod fault;
mod stream;
mod target;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt::{self, Display};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::uri::PathAndQuery;
use http::{Request, Response, Uri, Version};
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

pub use self::error::TransportError;
pub use self::fault::Fault;

use self::connector::Connector;
use self::target::Remote;
pub(crate) use self::target::Target;
use crate::address::Socket;
use crate::{Endpoint, Identity};

/// What a body fails with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The one type of request body.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_mins(1);

/// How many unused connections are kept.
const IDLE_CONNECTIONS: usize = 8;

/// How far one connection reads or writes ahead, in bytes.
const READ_AHEAD: usize = 256 * 1024;

/// The pooled connections to one engine as one identity. Clones share the pool.
#[derive(Clone)]
pub struct Transport {
    client: Client<Connector, Body>,
    target: Arc<Target>,
    unanswered: Arc<AtomicU64>,
}

impl Transport {
    /// A transport to another machine, without any connection yet. `connect_timeout` covers name
    /// lookup, TCP and TLS.
    pub fn new(endpoint: Endpoint, identity: Identity, connect_timeout: Duration) -> Self {
        Self::to(Target::Remote(Remote { endpoint, identity }), connect_timeout)
    }

    /// A transport to an engine of this machine, without any connection yet.
    pub fn local(socket: Socket, connect_timeout: Duration) -> Self {
        Self::to(Target::Local(socket), connect_timeout)
    }

    fn to(target: Target, connect_timeout: Duration) -> Self {
        let target = Arc::new(target);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .http1_max_buf_size(READ_AHEAD)
            .build(Connector::new(Arc::clone(&target), connect_timeout));
        Self { client, target, unanswered: Arc::default() }
    }

    /// Sends one request and returns when the response's head is there.
    ///
    /// Scheme, authority and `Host` are the target's, whatever the request says; path, query,
    /// other headers and body go out as given. After a 101 take the raw stream with
    /// [`hyper::upgrade::on`]. A response that should upgrade without 101 (Docker's plain hijack)
    /// is a 200 with a streaming body.
    pub async fn send<B>(&self, request: Request<B>) -> Result<Response<Incoming>, TransportError>
    where
        B: BodyExt<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let request = self.addressed(request);
        self.client.request(request).await.map_err(|error| {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
            TransportError::new(Arc::clone(&self.target), error)
        })
    }

    /// How many requests have failed for want of an answer, whatever it would have been.
    pub fn unanswered(&self) -> u64 {
        self.unanswered.load(Ordering::Relaxed)
    }

    /// The address that it leads to, as `tcp://manager:2376`.
    pub fn address(&self) -> &dyn Display {
        self.target.address()
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    fn addressed<B>(&self, request: Request<B>) -> Request<Body>
    where
        B: BodyExt<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (mut head, body) = request.into_parts();
        let path = head.uri.into_parts().path_and_query;
        let mut uri = http::uri::Parts::default();
        let (scheme, authority) = self.target.base();
        uri.scheme = Some(scheme);
        uri.authority = Some(authority);
        uri.path_and_query = Some(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
        head.uri = Uri::from_parts(uri).unwrap_or_default();
        head.version = Version::HTTP_11;
        head.headers.remove(HOST);
        Request::from_parts(head, body.map_err(Into::into).boxed_unsync())
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("target", &self.target).finish_non_exhaustive()
    }
}

/// A body with nothing in it.
pub fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body that is already whole.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

//! One Docker Engine: bollard on our transport, the first question, raw streams into containers.
//!
//! The first question is one request on one connection, because every job pays for it.

mod frames;
mod info;
mod request;
mod stderr;
mod stream;
#[cfg(test)]
mod tests;
mod version;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use humantime::format_duration;
use hyper::body::Incoming;
use job::{Failure, Result};

use crate::address::Socket;
use crate::transport::{self, BoxError, Target, Transport};
use crate::{Endpoint, Identity, TransportError};

pub(crate) use self::info::Info;

pub use self::info::EngineFacts;
pub use self::request::Answer;
pub use self::stream::ContainerStream;
pub use self::version::ApiVersion;

/// Longest answer read to the first question, in bytes. Engines with many plugins answer 10 KiB.
const LONGEST_INFO: usize = 4 << 20;

/// The remedy for an engine in trouble.
const ENGINES_LOG: &str = "look at the engine's log";

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Name lookup, TCP and TLS of one connection.
    pub connect: Duration,
    /// [`Engine::check`], all in all.
    pub check: Duration,
    /// From a request of bollard's, or for a raw stream, to the head of its response.
    pub response: Duration,
}

impl Default for Limits {
    /// Ten seconds to say "unreachable", and the two minutes that are bollard's own default.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            check: Duration::from_secs(10),
            response: Duration::from_mins(2),
        }
    }
}

/// One engine, asked as one identity. Clones share connections.
#[derive(Clone, Debug)]
pub struct Engine {
    transport: Transport,
    limits: Limits,
    /// What requests ask for, once the engine has said what it speaks.
    version: Arc<OnceLock<ApiVersion>>,
}

impl Engine {
    /// The engine behind `endpoint`. Nothing is sent yet.
    pub fn remote(endpoint: Endpoint, identity: Identity, limits: Limits) -> Self {
        Self::over(Transport::new(endpoint, identity, limits.connect), limits)
    }

    /// The engine behind `socket`. Nothing is sent yet.
    pub fn local(socket: Socket, limits: Limits) -> Self {
        Self::over(Transport::local(socket, limits.connect), limits)
    }

    fn over(transport: Transport, limits: Limits) -> Self {
        Self { transport, limits, version: Arc::default() }
    }

    /// The connections, for whoever relays requests as they are.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// bollard on the same connections.
    /// [`TransportError::within`](crate::TransportError::within) finds the transport's errors in
    /// bollard's.
    ///
    /// bollard drops the API version from every path. After [`Engine::check`] it is put back: the
    /// highest that both the engine and bollard know.
    pub fn docker(&self) -> Result<Docker> {
        let engine = self.clone();
        let send = move |request: BollardRequest| {
            let engine = engine.clone();
            async move { engine.send(request).await.map_err(bollard::errors::Error::from) }
        };
        let (scheme, authority) = self.target().base();
        let address = format!("{scheme}://{authority}");
        let seconds = self.limits.response.as_secs();
        Docker::connect_with_custom_transport(send, Some(address), seconds, API_DEFAULT_VERSION)
            .map_err(|error| Failure::system("cannot set up the Docker client").caused_by(error))
    }

    /// Asks who is there: an engine for Linux containers, of version 20.10 or newer. Whether it is
    /// in a swarm makes no difference.
    ///
    /// # Errors
    /// With the blame of whoever supplied the address if the address leads to the wrong engine, of
    /// whoever supplied the credentials if they are not accepted, else the system's.
    pub async fn check(&self) -> Result<EngineFacts> {
        self.info().await?.judge(self.target()).map(|(facts, _)| facts)
    }

    /// Asks the first question, within its time limit.
    pub(crate) async fn info(&self) -> Result<Info> {
        let limit = self.limits.check;
        match tokio::time::timeout(limit, self.ask()).await {
            Ok(answer) => answer,
            Err(_) => Err(self
                .failure(&format!("gave no complete answer within {}", format_duration(limit)))
                .hint(ENGINES_LOG)),
        }
    }

    /// What failures are told with.
    pub(crate) fn target(&self) -> &Target {
        self.transport.target()
    }

    async fn ask(&self) -> Result<Info> {
        let mut request = Request::new(transport::empty());
        *request.uri_mut() = http::Uri::from_static("/info");
        let response = self.transport.send(request).await.map_err(Failure::from)?;
        let (head, body) = response.into_parts();
        let body = self.read(body).await?;
        if head.status != StatusCode::OK {
            return Err(self.refused(head.status, &body));
        }
        let mut info = Info::parse(&body).map_err(|error| self.stranger(error))?;
        let api = head.headers.get("api-version").and_then(|value| value.to_str().ok());
        info.api_version = api.and_then(ApiVersion::parse);
        if let Some(version) = info.api_version {
            let _ = self.version.set(version.min(ApiVersion::BOLLARD));
        }
        Ok(info)
    }

    /// Sends a request without a version in its path; the one that is spoken is put there.
    async fn send<B>(&self, mut request: Request<B>) -> Result<Response<Incoming>, TransportError>
    where
        B: BodyExt<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if let Some(version) = self.version.get() {
            version.put_into(request.uri_mut());
        }
        self.transport.send(request).await
    }

    async fn read(&self, body: Incoming) -> Result<Bytes> {
        match Limited::new(body, LONGEST_INFO).collect().await {
            Ok(whole) => Ok(whole.to_bytes()),
            Err(error) => {
                Err(self.failure("broke off its answer").caused_by(error).hint(ENGINES_LOG))
            }
        }
    }

    fn refused(&self, status: StatusCode, body: &[u8]) -> Failure {
        let failure = self.failure(&format!("answers {status} to GET /info")).hint(
            "let the engine's authorization plugin, or the proxy before it, permit GET /info; \
             else look at the engine's log",
        );
        match info::message(body) {
            Some(message) => failure.caused_by(message),
            None => failure,
        }
    }

    fn stranger(&self, error: serde_json::Error) -> Failure {
        self.failure("answers, but not as a Docker Engine does")
            .caused_by(error)
            .hint(format!("point {} at a Docker Engine", self.target().source()))
    }

    fn failure(&self, what: &str) -> Failure {
        Failure::system(format!("{} {what}", self.target()))
    }
}

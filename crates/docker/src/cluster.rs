//! A cluster, reached at one of its managers: bollard on our transport, and the first question.
//!
//! The first question is one request on one connection, because every job pays for it.

mod info;
#[cfg(test)]
mod tests;
mod version;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use humantime::format_duration;
use hyper::body::Incoming;
use job::{Failure, Result};

use self::info::Info;
use crate::transport::{self, Transport};
use crate::{Endpoint, Identity};

pub use self::info::ClusterFacts;
pub use self::version::ApiVersion;

/// Longest answer read to the first question, in bytes. Engines with many plugins answer 10 KiB.
const LONGEST_INFO: usize = 4 << 20;

/// The remedy for an engine in trouble.
const ENGINES_LOG: &str = "look at the engine's log on the manager";

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Name lookup, TCP and TLS of one connection.
    pub connect: Duration,
    /// [`Cluster::check`], all in all.
    pub check: Duration,
    /// From a request of bollard's to the head of its response.
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

/// One manager of a cluster, as one identity. Clones share connections.
#[derive(Clone, Debug)]
pub struct Cluster {
    transport: Transport,
    limits: Limits,
    /// What bollard's requests ask for, once the engine has said what it speaks.
    version: Arc<OnceLock<ApiVersion>>,
}

impl Cluster {
    /// The cluster behind `endpoint`. Nothing is sent yet.
    pub fn new(endpoint: Endpoint, identity: Identity, limits: Limits) -> Self {
        let transport = Transport::new(endpoint, identity, limits.connect);
        Self { transport, limits, version: Arc::default() }
    }

    /// The connections, for whoever relays requests as they are.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Where it is.
    pub fn endpoint(&self) -> &Endpoint {
        self.transport.endpoint()
    }

    /// bollard on the same connections. [`TransportError::within`](crate::TransportError::within) finds the transport's errors in
    /// bollard's.
    ///
    /// bollard drops the API version from every path. After [`Cluster::check`] it is put back: the
    /// highest that both the engine and bollard know.
    pub fn docker(&self) -> Result<Docker> {
        let (transport, version) = (self.transport.clone(), Arc::clone(&self.version));
        let send = move |mut request: BollardRequest| {
            if let Some(version) = version.get() {
                version.put_into(request.uri_mut());
            }
            let transport = transport.clone();
            async move { transport.send(request).await.map_err(bollard::errors::Error::from) }
        };
        let address = format!("https://{}", self.endpoint().authority());
        let seconds = self.limits.response.as_secs();
        Docker::connect_with_custom_transport(send, Some(address), seconds, API_DEFAULT_VERSION)
            .map_err(|error| Failure::system("cannot set up the Docker client").caused_by(error))
    }

    /// Asks who is there: an engine, in a swarm, as a manager that can reach its leader.
    ///
    /// # Errors
    /// With the blame of whoever supplied the address if the address leads to the wrong engine, of
    /// whoever supplied the credentials if they are not accepted, else the system's.
    pub async fn check(&self) -> Result<ClusterFacts> {
        let limit = self.limits.check;
        match tokio::time::timeout(limit, self.ask()).await {
            Ok(answer) => answer,
            Err(_) => Err(self
                .failure(&format!("gave no complete answer within {}", format_duration(limit)))
                .hint(ENGINES_LOG)),
        }
    }

    async fn ask(&self) -> Result<ClusterFacts> {
        let mut request = Request::new(transport::empty());
        *request.uri_mut() = http::Uri::from_static("/info");
        let response = self.transport.send(request).await.map_err(Failure::from)?;
        let (head, body) = response.into_parts();
        let body = self.read(body).await?;
        if head.status != StatusCode::OK {
            return Err(self.refused(head.status, &body));
        }
        let info = Info::parse(&body).map_err(|error| {
            self.failure("answers, but not as a Docker Engine does")
                .caused_by(error)
                .hint(format!("point {} at a manager's Docker Engine", self.endpoint().source()))
        })?;
        let api = head.headers.get("api-version").and_then(|value| value.to_str().ok());
        let facts = info.judge(api.and_then(ApiVersion::parse), self.endpoint())?;
        if let Some(version) = facts.api_version {
            let _ = self.version.set(version.min(ApiVersion::BOLLARD));
        }
        Ok(facts)
    }

    async fn read(&self, body: Incoming) -> Result<bytes::Bytes> {
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
             else look at the engine's log on the manager",
        );
        match info::message(body) {
            Some(message) => failure.caused_by(message),
            None => failure,
        }
    }

    fn failure(&self, what: &str) -> Failure {
        Failure::system(format!("the cluster at {} {what}", self.endpoint()))
    }
}

//! TLS towards the clients of a job that was written for docker-in-docker.
//!
//! Such a job connects to `tcp://docker:2376` and takes `ca.pem`, `cert.pem` and `key.pem` from
//! `$DOCKER_TLS_CERTDIR/client`, where a dind service would have put them
//! (<https://docs.gitlab.com/ci/docker/using_docker_build/#docker-in-docker-with-tls-enabled-in-the-docker-executor>).
//! [`LocalTls`] makes such a set for as long as one script runs, and ends TLS on those connections
//! as dockerd does with `--tlsverify`: it demands that client's certificate.
//!
//! Nothing of it opens the cluster: these certificates are good between the job and its gateway
//! only, and the CA's key is gone once they are issued.

mod handshake;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use job::{Failure, Result, Secret};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::server::TlsStream;

use crate::Part;
use crate::identity::key;
use crate::mint::{Authority, Issued, of_authority, of_client, of_server};
use crate::pem::certificates_text;

/// How far the clock of the job's machine may be behind.
const SKEW: Duration = Duration::from_hours(1);

/// How long the certificates are good, from when they are made: as long as a job may last
/// (<https://docs.gitlab.com/ci/pipelines/settings/#set-a-limit-for-how-long-jobs-can-run>).
const VALIDITY: Duration = Duration::from_hours(31 * 24);

/// Where the server is, besides the names that it is given.
const LOCAL: [&str; 2] = ["docker", "localhost"];

/// A server for the job's clients, and what one of them needs. Clones share everything.
#[derive(Clone)]
pub struct LocalTls(Arc<Shared>);

struct Shared {
    ca: CertificateDer<'static>,
    client: Issued,
    server: Arc<ServerConfig>,
}

impl LocalTls {
    /// Makes new certificates, valid from an hour before `now` for a month.
    ///
    /// The server's is for `docker`, `localhost`, the loopback addresses and `names`, such as the
    /// aliases of the job's dind service. A name that is none, so that no client can ask for it,
    /// is left out.
    ///
    /// # Errors
    /// The system's: this machine gives no randomness.
    pub fn mint<N: AsRef<str>>(
        names: impl IntoIterator<Item = N>,
        now: SystemTime,
    ) -> Result<Self> {
        let hosts = hosts(names);
        let failure = || Failure::system("cannot make the certificates for the job's docker");
        let (ca, server, client) = issue(hosts, now).map_err(|error| failure().caused_by(error))?;
        let server = config(&ca, server).map_err(|error| failure().caused_by(error))?;
        Ok(Self(Arc::new(Shared { ca, client, server: Arc::new(server) })))
    }

    /// One of the client's three files, as canonical PEM.
    pub fn text(&self, part: Part) -> Secret {
        match part {
            Part::Ca => certificates_text(std::slice::from_ref(&self.0.ca)).into(),
            Part::Certificate => {
                certificates_text(std::slice::from_ref(&self.0.client.certificate)).into()
            }
            Part::Key => self.0.client.key.to_text(),
        }
    }

    /// Ends TLS on one connection; what comes out is what the client says in it.
    ///
    /// Each direction ends by itself: the client's `close_notify` is the end of what is read, and
    /// shutting down sends one and leaves reading possible. A connection that breaks is an error,
    /// never an end.
    ///
    /// # Errors
    /// The client breaks off, is silent for two minutes or doesn't show the right certificate. It
    /// has been told, as far as TLS has words for it; one that speaks plain HTTP is told in HTTP,
    /// as dockerd does.
    pub async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        handshake::perform(stream, Arc::clone(&self.0.server)).await
    }
}

impl fmt::Debug for LocalTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalTls").finish_non_exhaustive()
    }
}

fn hosts<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Vec<String> {
    let names = names.into_iter().map(|name| name.as_ref().to_owned());
    let names = names.filter(|name| ServerName::try_from(name.as_str()).is_ok());
    let addresses = [Ipv4Addr::LOCALHOST.to_string(), Ipv6Addr::LOCALHOST.to_string()];
    LOCAL.map(str::to_owned).into_iter().chain(addresses).chain(names).collect()
}

/// The CA's certificate, and what it issues to the server and to the client.
fn issue(
    hosts: Vec<String>,
    now: SystemTime,
) -> Result<(CertificateDer<'static>, Issued, Issued), rcgen::Error> {
    let validity = now - SKEW..now + VALIDITY;
    let authority = Authority::establish(of_authority("swarm-executor", validity.clone()))?;
    let server = authority.issue(&of_server("docker", hosts, validity.clone())?)?;
    let client = authority.issue(&of_client("job", validity))?;
    Ok((authority.certificate(), server, client))
}

fn config(ca: &CertificateDer<'static>, server: Issued) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(ca.clone())?;
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
    let key = key::load(&server.key)
        .ok_or_else(|| rustls::Error::General("the new key cannot be used".into()))?;
    let presented = SingleCertAndKey::from(CertifiedKey::new(vec![server.certificate], key));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(Arc::new(presented));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

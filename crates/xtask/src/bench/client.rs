//! A Docker client that keeps its one connection: over the gateway's socket, or over mutual TLS.

use std::path::Path;
use std::sync::Arc;

use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use job::{Failure, Result};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use testkit::pki::Identity;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// One connection.
pub(crate) struct Client(Mutex<SendRequest<Empty<&'static [u8]>>>);

impl Client {
    /// Over the socket of a gateway.
    pub(crate) async fn through(socket: &Path) -> Result<Self> {
        let opened = async { Self::speak(UnixStream::connect(socket).await?).await };
        opened.await.map_err(|error| unusable("gateway", error))
    }

    /// Over mutual TLS with the cluster itself.
    pub(crate) async fn direct(endpoint: &str, identity: &Identity) -> Result<Self> {
        let opened = async { Self::speak(tls(endpoint, identity).await?).await };
        opened.await.map_err(|error| unusable("cluster", error))
    }

    async fn speak<S>(stream: S) -> std::result::Result<Self, BoxError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self(Mutex::new(sender)))
    }

    /// Asks for `path` and reads the whole answer.
    pub(crate) async fn get(&self, path: &str) -> Result<()> {
        self.ask(path).await.map_err(|error| unusable("engine", error))
    }

    async fn ask(&self, path: &str) -> std::result::Result<(), BoxError> {
        let request = Request::get(path).header(header::HOST, "docker").body(Empty::new())?;
        let mut sender = self.0.lock().await;
        sender.ready().await?;
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        answer.into_body().collect().await?;
        if status == StatusCode::OK { Ok(()) } else { Err(format!("{path}: {status}").into()) }
    }
}

async fn tls(
    endpoint: &str,
    identity: &Identity,
) -> std::result::Result<impl AsyncRead + AsyncWrite + Send + Unpin + use<>, BoxError> {
    let authority = endpoint.trim_start_matches("tcp://");
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host).to_owned();
    let stream = TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    let connector = TlsConnector::from(Arc::new(config(identity)?));
    Ok(connector.connect(ServerName::try_from(host)?, stream).await?)
}

fn config(identity: &Identity) -> std::result::Result<ClientConfig, BoxError> {
    let certificates = |text: &str| -> std::result::Result<Vec<_>, pem::Error> {
        CertificateDer::pem_slice_iter(text.as_bytes()).collect()
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(&identity.ca)?);
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(certificates(&identity.cert)?, key)?)
}

fn unusable(whom: &str, error: BoxError) -> Failure {
    Failure::system(format!("the {whom} can't be asked")).caused_by(error)
}

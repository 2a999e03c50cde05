//! One request from the name's lookup to the end of the answer, on a new or on a kept connection.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Uri};
use http_body_util::Empty;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use job::settings::{ProbeUrl, Statuses};
use job::{ExposeSecret, Failure, Result, Secret};
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::connection::{Answer, Connection};
use super::fault::Fault;
use super::lookup::Lookup;
use super::{ProbeOptions, Roots};

/// All that a request needs.
pub(super) struct Asker {
    url: ProbeUrl,
    /// What the connector connects to.
    base: Uri,
    /// What is asked for there.
    target: Uri,
    headers: HeaderMap,
    tcp: HttpConnector<Lookup>,
    tls: Option<Tls>,
    statuses: Statuses,
    timeout: Duration,
}

struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Asker {
    pub(super) fn new(options: ProbeOptions) -> Result<Self> {
        let ProbeOptions { url, timeout, statuses, roots, .. } = options;
        let (base, target, headers) = parts(&url).ok_or_else(|| not_to_be_asked(&url))?;
        let tls = if url.is_https() { Some(Tls::new(&url, roots)?) } else { None };
        let mut tcp = HttpConnector::new_with_resolver(Lookup::default());
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        Ok(Self { url, base, target, headers, tcp, tls, statuses, timeout })
    }

    pub(super) fn url(&self) -> &ProbeUrl {
        &self.url
    }

    /// How long one request may take.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A request on a connection of its own.
    pub(super) async fn ask_anew(&self) -> Result<(), Fault> {
        self.within_the_time(async { self.ask_on_a_new_one().await.0 }).await
    }

    /// A request on `kept`, or on a new connection if there is none or the server has closed it;
    /// and the connection for the next one.
    pub(super) async fn ask_again(
        &self,
        kept: Option<Connection>,
    ) -> (Result<(), Fault>, Option<Connection>) {
        let mut left = None;
        let result = self.within_the_time(async {
            let (result, connection) = match kept {
                Some(connection) => self.ask_on_a_kept_one(connection).await,
                None => self.ask_on_a_new_one().await,
            };
            left = connection;
            result
        });
        (result.await, left)
    }

    async fn within_the_time(
        &self,
        request: impl Future<Output = Result<(), Fault>>,
    ) -> Result<(), Fault> {
        let limit = self.timeout;
        tokio::time::timeout(limit, request).await.unwrap_or_else(|_| Err(Fault::timed_out(limit)))
    }

    async fn ask_on_a_kept_one(
        &self,
        mut connection: Connection,
    ) -> (Result<(), Fault>, Option<Connection>) {
        match connection.ask(self.request()).await {
            Answer::NotSent => self.ask_on_a_new_one().await,
            answer => self.judge(answer, connection),
        }
    }

    async fn ask_on_a_new_one(&self) -> (Result<(), Fault>, Option<Connection>) {
        match self.connect().await {
            Ok(mut connection) => {
                let answer = connection.ask(self.request()).await;
                self.judge(answer, connection)
            }
            Err(fault) => (Err(fault), None),
        }
    }

    fn judge(
        &self,
        answer: Answer,
        connection: Connection,
    ) -> (Result<(), Fault>, Option<Connection>) {
        match answer {
            Answer::NotSent => (Err(Fault::closed()), None),
            Answer::Missing(fault) => (Err(fault), None),
            Answer::Status { status, body, reusable } => {
                let good = self.statuses.contains(status.as_u16());
                let result = if good { body } else { Err(Fault::status(status)) };
                (result, reusable.then_some(connection))
            }
        }
    }

    async fn connect(&self) -> Result<Connection, Fault> {
        let connected = self.tcp.clone().call(self.base.clone()).await;
        let tcp = connected.map_err(|error| Fault::connecting(&error))?;
        let Some(Tls { connector, name }) = &self.tls else { return Connection::open(tcp).await };
        let connected = connector.connect(name.clone(), tcp.into_inner()).await;
        let tls = connected.map_err(|error| Fault::handshaking(&error))?;
        Connection::open(TokioIo::new(tls)).await
    }

    fn request(&self) -> Request<Empty<Bytes>> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = self.target.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// Where to connect, what to ask for, and with which headers.
fn parts(url: &ProbeUrl) -> Option<(Uri, Uri, HeaderMap)> {
    let scheme = if url.is_https() { "https" } else { "http" };
    let base = format!("{scheme}://{}/", url.authority()).parse().ok()?;
    let target = url.path_and_query().parse().ok()?;
    let mut headers = HeaderMap::new();
    headers.insert(HOST, url.authority().parse().ok()?);
    headers.insert(USER_AGENT, HeaderValue::from_static("swarm-executor"));
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    if let Some(credentials) = url.credentials() {
        headers.insert(AUTHORIZATION, basic(&credentials)?);
    }
    Some((base, target, headers))
}

/// User and password as a header (<https://www.rfc-editor.org/rfc/rfc7617>).
fn basic(credentials: &Secret) -> Option<HeaderValue> {
    let encoded = BASE64_STANDARD.encode(credentials.expose_secret());
    let mut value: HeaderValue = format!("Basic {encoded}").parse().ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn not_to_be_asked(url: &ProbeUrl) -> Failure {
    Failure::job(format!("no request can be made of the probe's URL {url}"))
        .hint("correct SWARM_PROBE_URL, or `url` in the profile's [rollout.probe]")
}

impl Tls {
    fn new(url: &ProbeUrl, roots: Roots) -> Result<Self> {
        let name = ServerName::try_from(url.host()).map_err(|_| not_to_be_asked(url))?;
        let roots = match roots {
            Roots::System => Arc::new(system()?),
            Roots::Given(roots) => roots,
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::system("TLS can't be set up").caused_by(error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // A connection is fresh only with a handshake of its own.
        config.resumption = Resumption::disabled();
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }
}

/// Whom this machine trusts. One certificate that can't be read spoils no other.
fn system() -> Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (_, unreadable) = roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let failure = Failure::system(format!(
            "this machine trusts no certificate authority ({unreadable} can't be read), so no URL \
             with https can be probed"
        ));
        let failure = match found.errors.into_iter().next() {
            Some(error) => failure.caused_by(error),
            None => failure,
        };
        return Err(failure.hint("install the package ca-certificates on the runner machine"));
    }
    Ok(roots)
}

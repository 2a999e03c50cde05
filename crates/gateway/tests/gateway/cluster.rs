//! A cluster that speaks mutual TLS and says what the test tells it to say.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use docker::endpoint::Source;
use docker::{Credentials, Endpoint, Identity, Transport};
use job::settings::VariableNames;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::job::Wire;

pub(crate) struct Cluster {
    listener: TcpListener,
    tls: TlsAcceptor,
    pub(crate) transport: Transport,
}

/// One certificate and its key.
struct Issued {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::new(vec![]).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_certificate = ca.self_signed(&ca_key).unwrap();
        let ca = Issuer::new(ca, ca_key);
        let server = issue(&ca, "127.0.0.1", ExtendedKeyUsagePurpose::ServerAuth);
        let client = issue(&ca, "job", ExtendedKeyUsagePurpose::ClientAuth);

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        let endpoint = Endpoint::parse(&address, Source::Setting("the test".into())).unwrap();
        let transport =
            Transport::new(endpoint, identity(&ca_certificate, &client), Duration::from_secs(10));
        Self { listener, tls: acceptor(ca_certificate.der(), &server), transport }
    }

    /// The next connection of the gateway.
    pub(crate) async fn accept(&self) -> Wire<TlsStream<TcpStream>> {
        let (tcp, _) = self.listener.accept().await.unwrap();
        Wire::new(self.tls.accept(tcp).await.unwrap())
    }

    /// Nobody listens any more.
    pub(crate) fn stop(self) {
        drop(self.listener);
    }
}

fn issue(ca: &Issuer<'_, KeyPair>, name: &str, purpose: ExtendedKeyUsagePurpose) -> Issued {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.extended_key_usages = vec![purpose];
    Issued { certificate: params.signed_by(&key, ca).unwrap(), key }
}

fn identity(ca: &rcgen::Certificate, client: &Issued) -> Identity {
    let names = VariableNames::default();
    let texts = [
        (names.ca.clone(), ca.pem()),
        (names.certificate.clone(), client.certificate.pem()),
        (names.key.clone(), client.key.serialize_pem()),
    ];
    let text =
        |name: &str| texts.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str());
    let credentials = Credentials::from_variables(&names, text).unwrap();
    Identity::check(&credentials, SystemTime::now(), Duration::ZERO).unwrap().identity
}

fn acceptor(ca: &CertificateDer<'static>, server: &Issued) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(ca.clone()).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .unwrap();
    let key = PrivateKeyDer::try_from(server.key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![server.certificate.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

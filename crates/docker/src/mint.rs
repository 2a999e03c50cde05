//! Certificates for the tests of this crate.

use std::time::{Duration, SystemTime};

use job::Secret;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::identity::Identity;
use crate::{Credentials, Endpoint};
use job::settings::VariableNames;

pub(crate) const DAY: Duration = Duration::from_hours(24);

/// A CA that issues what it is told to.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
pub(crate) struct Pair {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) certificate_text: String,
    pub(crate) key_text: Secret,
    key: Vec<u8>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        Self::with(name, |_| {})
    }

    pub(crate) fn with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        change(&mut params);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn text(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// The CA's own certificate and key, for those who use it as a leaf.
    pub(crate) fn pair(&self) -> Pair {
        Pair::new(self.certificate(), self.text(), self.0.key())
    }

    pub(crate) fn client(&self) -> Pair {
        self.client_with(|_| {})
    }

    pub(crate) fn client_with(&self, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        self.issue(params("client", &[]), ExtendedKeyUsagePurpose::ClientAuth, change)
    }

    pub(crate) fn server(&self, names: &[&str]) -> Pair {
        self.server_with(names, |_| {})
    }

    pub(crate) fn server_with(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Pair {
        self.issue(params("server", names), ExtendedKeyUsagePurpose::ServerAuth, change)
    }

    fn issue(
        &self,
        mut params: CertificateParams,
        purpose: ExtendedKeyUsagePurpose,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Pair {
        params.extended_key_usages = vec![purpose];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Pair::new(certificate.der().clone(), certificate.pem(), &key)
    }
}

impl Pair {
    fn new(certificate: CertificateDer<'static>, certificate_text: String, key: &KeyPair) -> Self {
        Self {
            certificate,
            certificate_text,
            key_text: Secret::from(key.serialize_pem()),
            key: key.serialize_der(),
        }
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.clone()).into()
    }
}

fn params(name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    let now = SystemTime::now();
    params.not_before = (now - DAY).into();
    params.not_after = (now + 365 * DAY).into();
    params
}

/// Credentials as a job's variables bring them.
pub(crate) fn credentials(ca: &Authority, client: &Pair) -> Credentials {
    use job::ExposeSecret;
    let (ca, certificate) = (ca.text(), client.certificate_text.clone());
    Credentials::from_variables(&VariableNames::default(), |name| match name {
        "DOCKER_MACHINE_CA" => Some(ca.as_str()),
        "DOCKER_MACHINE_CLIENT_CERT" => Some(certificate.as_str()),
        "DOCKER_MACHINE_CLIENT_KEY" => Some(client.key_text.expose_secret()),
        _ => None,
    })
    .unwrap()
}

pub(crate) fn identity(ca: &Authority, client: &Pair) -> Identity {
    Identity::check(&credentials(ca, client), SystemTime::now(), 14 * DAY).unwrap().identity
}

/// The endpoint as the article's variable brings it.
pub(crate) fn endpoint(address: &str) -> Endpoint {
    let source = crate::endpoint::Source::Variable("DOCKER_SWARM_MASTER".into());
    Endpoint::parse(address, source).unwrap()
}

//! Certificates, good and bad, for the tests of this crate.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use job::Secret;
use job::settings::VariableNames;
use rcgen::CertificateParams;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{Authority, Issued, of_authority, of_client, of_server, private};
use crate::identity::Identity;
use crate::pem::{PrivateKey, certificates_text};
use crate::{Credentials, Endpoint};

pub(crate) const DAY: Duration = Duration::from_hours(24);

/// A certificate and its key, with their texts.
pub(crate) struct Pair {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) certificate_text: String,
    pub(crate) key_text: Secret,
    key: PrivateKey,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        Self::with(name, |_| {})
    }

    pub(crate) fn with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = of_authority(name, around_now());
        change(&mut params);
        Self::establish(params).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        certificates_text(&[self.certificate()])
    }

    /// The CA's own certificate and key, for those who use it as a leaf.
    pub(crate) fn pair(&self) -> Pair {
        Issued { certificate: self.certificate(), key: private(&self.key) }.into()
    }

    pub(crate) fn client(&self) -> Pair {
        self.client_with(|_| {})
    }

    pub(crate) fn client_with(&self, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let mut params = of_client("client", around_now());
        change(&mut params);
        self.issue(&params).unwrap().into()
    }

    pub(crate) fn server(&self, names: &[&str]) -> Pair {
        self.server_with(names, |_| {})
    }

    pub(crate) fn server_with(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Pair {
        let names = names.iter().map(ToString::to_string).collect();
        let mut params = of_server("server", names, around_now()).unwrap();
        change(&mut params);
        self.issue(&params).unwrap().into()
    }
}

impl From<Issued> for Pair {
    fn from(Issued { certificate, key }: Issued) -> Self {
        let certificate_text = certificates_text(std::slice::from_ref(&certificate));
        Self { certificate, certificate_text, key_text: key.to_text(), key }
    }
}

impl Pair {
    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.to_der()
    }
}

fn around_now() -> Range<SystemTime> {
    let now = SystemTime::now();
    now - DAY..now + 365 * DAY
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

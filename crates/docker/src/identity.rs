//! Who we are to the cluster: credentials that were checked before their first use.
//!
//! A server says "bad certificate" and nothing more, whatever is wrong with a client's; so all
//! that can be known beforehand is checked here, with the time passed in, and told with dates and
//! names. What comes out is one rustls configuration that trusts the profile's CA and nothing
//! else, holds the key in memory and offers HTTP/1.1 only.

mod certificate;
pub(crate) mod key;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use job::{Failure, Result};
use rustls::client::ResolvesClientCert;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};

use self::certificate::{Certificate, Validity};
use crate::credentials::{Credentials, Origin, Part};

/// Checked credentials, ready for any number of connections. Clones share the key.
#[derive(Clone)]
pub struct Identity {
    tls: Arc<ClientConfig>,
    origin: Origin,
}

/// An identity, and what its owner should know before it becomes a failure.
#[derive(Debug)]
pub struct Checked {
    /// The identity.
    pub identity: Identity,
    /// Whole sentences for the job log.
    pub warnings: Vec<String>,
}

impl Identity {
    /// Checks that the parts fit together and are valid at `now`. Certificates that end within
    /// `notice` make a warning.
    ///
    /// # Errors
    /// With the blame of the credentials' origin, and everything that is wrong.
    pub fn check(credentials: &Credentials, now: SystemTime, notice: Duration) -> Result<Checked> {
        let mut check =
            Check { credentials, now, notice, errors: vec![], hints: vec![], warnings: vec![] };
        check.ca();
        check.certificate();
        let key = check.key();
        let tls = key.and_then(|key| check.tls(key));
        match tls {
            Some(tls) if check.errors.is_empty() => Ok(Checked {
                identity: Self { tls, origin: credentials.origin().clone() },
                warnings: check.warnings,
            }),
            _ => Err(check.into_failure()),
        }
    }

    /// Where the credentials came from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The configuration for one more connection.
    pub(crate) fn tls(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.tls)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// One run over the credentials that collects what it finds.
struct Check<'a> {
    credentials: &'a Credentials,
    now: SystemTime,
    notice: Duration,
    errors: Vec<String>,
    hints: Vec<String>,
    warnings: Vec<String>,
}

impl Check<'_> {
    /// One usable CA is enough; the others of a bundle are worth a warning.
    fn ca(&mut self) {
        let name = self.name_of(Part::Ca);
        let mut unusable = Vec::new();
        for der in self.credentials.ca() {
            match Certificate::read(der) {
                Some(ca) if !ca.is_ca() => {
                    self.warnings.push(format!("{name} holds a certificate that is no CA's"));
                }
                Some(ca) => match ca.validity(self.now, self.notice) {
                    Validity::Good => {}
                    Validity::EndsSoon(words) => self.warnings.push(format!("{name} {words}")),
                    Validity::Invalid(words) => unusable.push(format!("{name} {words}")),
                },
                None => unusable.push(format!("{name} holds a certificate that cannot be read")),
            }
        }
        if unusable.len() == self.credentials.ca().len() {
            self.errors.append(&mut unusable);
            self.hints.push(format!("put the CA that signs the cluster's certificates today into {name}, or set this machine's clock"));
        } else {
            self.warnings.append(&mut unusable);
        }
    }

    fn certificate(&mut self) {
        let [first, intermediates @ ..] = self.credentials.chain() else { return };
        if let Some(certificate) = Certificate::read(first) {
            self.purpose(&certificate);
            self.dates(&certificate);
            self.signature(&certificate, intermediates);
        } else {
            let name = self.name_of(Part::Certificate);
            self.error(
                format!("{name} holds a certificate that cannot be read"),
                "issue a new client certificate, of X.509",
            );
        }
    }

    fn purpose(&mut self, certificate: &Certificate<'_>) {
        let name = self.name_of(Part::Certificate);
        if self.holds_the_ca() {
            self.error(
                format!("{name} holds the CA's own certificate"),
                "put the certificate there that the CA issued for the client: cert.pem",
            );
        } else if certificate.is_ca() {
            self.error(
                format!("{name} holds a CA's certificate, not a client's"),
                "issue a client certificate with basicConstraints = CA:FALSE",
            );
        }
        if !certificate.is_for_clients() {
            self.error(
                format!("{name} holds a certificate that is not for clients"),
                "issue one with extendedKeyUsage = clientAuth",
            );
        }
    }

    /// Whether the CA's certificate stands where the client's should.
    fn holds_the_ca(&self) -> bool {
        self.credentials.chain().first().is_some_and(|first| self.credentials.ca().contains(first))
    }

    fn dates(&mut self, certificate: &Certificate<'_>) {
        let name = self.name_of(Part::Certificate);
        match certificate.validity(self.now, self.notice) {
            Validity::Good => {}
            Validity::EndsSoon(words) => self.warnings.push(format!("{name} {words}")),
            Validity::Invalid(words) => self.error(
                format!("{name} {words}"),
                "issue a new client certificate, or set this machine's clock",
            ),
        }
    }

    /// The cluster may trust another CA for clients than the one that signed its own certificate,
    /// so an unknown issuer is no error.
    fn signature(&mut self, certificate: &Certificate<'_>, intermediates: &[CertificateDer<'_>]) {
        let name = self.name_of(Part::Certificate);
        if certificate.has_weak_signature() {
            self.warnings.push(format!(
                "{name} holds a certificate signed with SHA-1 or MD5, which engines of today reject"
            ));
        }
        let known = self.credentials.ca().iter().chain(intermediates);
        if !known.filter_map(Certificate::read).any(|ca| certificate.is_issued_by(&ca)) {
            self.warnings.push(format!(
                "{name} holds a certificate that the CA in {} did not issue; the cluster accepts \
                 it only if the CA in its --tlscacert did",
                self.name_of(Part::Ca)
            ));
        }
    }

    fn key(&mut self) -> Option<Arc<dyn SigningKey>> {
        let name = self.name_of(Part::Key);
        let Some(signing) = key::load(self.credentials.key()) else {
            self.error(
                format!("{name} holds a key that TLS cannot use"),
                "supported are RSA from 2048 to 8192 bits, ECDSA P-256 and P-384, and Ed25519",
            );
            return None;
        };
        let certificate = self.name_of(Part::Certificate);
        let matching = self.credentials.chain().iter().position(|der| key::matches(&*signing, der));
        match matching {
            Some(0) => {}
            // Said already, and no key would belong to that one.
            None if self.holds_the_ca() => {}
            Some(_) => self.error(
                format!("{certificate} starts with a certificate that is not the client's"),
                "put the client's certificate first and those of its issuers after it",
            ),
            None => self.error(
                format!("the key in {name} does not belong to the certificate in {certificate}"),
                "take both from the same directory: cert.pem and key.pem are made together",
            ),
        }
        Some(signing)
    }

    fn tls(&mut self, key: Arc<dyn SigningKey>) -> Option<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        let (usable, _) = roots.add_parsable_certificates(self.credentials.ca().iter().cloned());
        if usable == 0 {
            let name = self.name_of(Part::Ca);
            self.error(
                format!("{name} holds no certificate that can serve as a CA"),
                "it must hold the CA that signed the manager's certificate: ca.pem",
            );
            return None;
        }
        // Not `with_client_auth_cert`: that refuses client certificates of X.509 version 1, as
        // `openssl x509 -req` makes them without extensions, and which engines accept.
        let chain = CertifiedKey::new(self.credentials.chain().to_vec(), key);
        let client: Arc<dyn ResolvesClientCert> = Arc::new(SingleCertAndKey::from(chain));
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .ok()?
            .with_root_certificates(roots)
            .with_client_cert_resolver(client);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Some(Arc::new(config))
    }

    fn error(&mut self, message: String, hint: &str) {
        self.errors.push(message);
        self.hints.push(hint.to_owned());
    }

    fn name_of(&self, part: Part) -> String {
        self.credentials.origin().name_of(part)
    }

    fn into_failure(self) -> Failure {
        let failure = Failure::new(self.credentials.origin().blame(), self.errors.join("\n"));
        self.hints.into_iter().fold(failure, Failure::hint)
    }
}

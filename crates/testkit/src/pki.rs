//! Certificates for tests: good ones, and every odd one that a user can hand in.
//!
//! An [`Authority`] issues server and client certificates; a [`Leaf`] is one certificate being
//! described, with whatever is to be wrong about it; an [`Identity`] is the result, PEM as
//! `docker --tlsverify` reads it. Shapes of private keys that rcgen can't write come from the
//! `openssl` program. Keys live in memory only, until [`Identity::write_to`] is asked for.

mod identity;
mod key;

use std::fmt;

use job::{Failure, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

pub use identity::Identity;
pub use key::{KeyShape, PASS_PHRASE};

/// How long a certificate is valid unless told otherwise, in days.
const VALID_DAYS: i64 = 365;

/// A certificate authority with its key.
#[derive(Clone, Serialize, Deserialize)]
pub struct Authority {
    certificate: String,
    key: String,
}

impl Authority {
    /// A new authority, valid for a year, known as `name`.
    ///
    /// # Errors
    ///
    /// The machine has no randomness to give.
    pub fn new(name: &str) -> Result<Self> {
        let key = KeyPair::generate().map_err(|error| cannot("make the key of", name, error))?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (params.not_before, params.not_after) = usual_validity();
        let certificate =
            params.self_signed(&key).map_err(|error| cannot("sign", name, error))?.pem();
        Ok(Self { certificate, key: key.serialize_pem() })
    }

    /// The authority's own certificate, PEM.
    pub fn ca(&self) -> &str {
        &self.certificate
    }

    /// Describes a server certificate; the names are DNS names or IP addresses.
    pub fn server<Name: ToString>(&self, names: impl IntoIterator<Item = Name>) -> Leaf<'_> {
        let names: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
        let common_name = names.first().cloned().unwrap_or_default();
        Leaf::new(self, common_name, names, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// Describes a client certificate.
    pub fn client(&self, common_name: &str) -> Leaf<'_> {
        Leaf::new(self, common_name.into(), Vec::new(), ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issuer(&self) -> Result<Issuer<'static, KeyPair>, rcgen::Error> {
        Issuer::from_ca_cert_pem(&self.certificate, KeyPair::from_pem(&self.key)?)
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

/// One certificate being described; [`Leaf::issue`] makes it.
#[derive(Clone, Debug)]
#[must_use = "a description issues nothing by itself"]
pub struct Leaf<'a> {
    authority: &'a Authority,
    common_name: String,
    names: Vec<String>,
    usage: ExtendedKeyUsagePurpose,
    validity: (OffsetDateTime, OffsetDateTime),
    is_ca: bool,
    shape: KeyShape,
}

impl<'a> Leaf<'a> {
    fn new(
        authority: &'a Authority,
        common_name: String,
        names: Vec<String>,
        usage: ExtendedKeyUsagePurpose,
    ) -> Self {
        let validity = usual_validity();
        Self {
            authority,
            common_name,
            names,
            usage,
            validity,
            is_ca: false,
            shape: KeyShape::Pkcs8,
        }
    }

    /// Valid between these two moments.
    pub fn valid(mut self, from: OffsetDateTime, to: OffsetDateTime) -> Self {
        self.validity = (from, to);
        self
    }

    /// Ended yesterday.
    pub fn expired(self) -> Self {
        let now = OffsetDateTime::now_utc();
        self.valid(now - Duration::days(30), now - Duration::days(1))
    }

    /// Begins tomorrow.
    pub fn not_yet_valid(self) -> Self {
        let now = OffsetDateTime::now_utc();
        self.valid(now + Duration::days(1), now + Duration::days(30))
    }

    /// Valid now, and for this long.
    pub fn expiring_in(self, left: Duration) -> Self {
        let now = OffsetDateTime::now_utc();
        self.valid(now - Duration::days(1), now + left)
    }

    /// Marked as a certificate authority, which webpki refuses to accept as a leaf.
    pub fn marked_as_ca(mut self) -> Self {
        self.is_ca = true;
        self
    }

    /// With its private key in this shape.
    pub fn key_shape(mut self, shape: KeyShape) -> Self {
        self.shape = shape;
        self
    }

    /// Signs the certificate.
    ///
    /// # Errors
    ///
    /// A name is no DNS name, or the `openssl` program is missing and the shape needs it.
    pub fn issue(self) -> Result<Identity> {
        let pkcs8 = key::generate(self.shape)?;
        let cert = self.sign(&pkcs8).map_err(|error| cannot("sign", &self.common_name, error))?;
        let key = self.shape.write(pkcs8)?;
        Ok(Identity { ca: self.authority.certificate.clone(), cert, key })
    }

    fn sign(&self, key: &str) -> Result<String, rcgen::Error> {
        let mut params = CertificateParams::new(self.names.clone())?;
        params.distinguished_name.push(DnType::CommonName, self.common_name.as_str());
        params.extended_key_usages = vec![self.usage.clone()];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        (params.not_before, params.not_after) = self.validity;
        if self.is_ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let certificate = params.signed_by(&KeyPair::from_pem(key)?, &self.authority.issuer()?)?;
        Ok(certificate.pem())
    }
}

fn usual_validity() -> (OffsetDateTime, OffsetDateTime) {
    let now = OffsetDateTime::now_utc();
    (now - Duration::days(1), now + Duration::days(VALID_DAYS))
}

fn cannot(what: &str, name: &str, error: rcgen::Error) -> Failure {
    Failure::system(format!("cannot {what} the certificate {name:?}")).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn first_line(pem: &str) -> &str {
        pem.lines().next().unwrap()
    }

    /// What `openssl verify` says of the identity's certificate under its own authority.
    fn verdict(identity: &Identity) -> String {
        let directory = tempfile::tempdir().unwrap();
        identity.write_to(directory.path()).unwrap();
        let mut command = Command::new("openssl");
        command.current_dir(directory.path()).args(["verify", "-CAfile", "ca.pem", "cert.pem"]);
        let output = command.output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    #[test]
    fn a_leaf_verifies_under_its_own_authority_only() {
        let (ours, theirs) = (Authority::new("ours").unwrap(), Authority::new("theirs").unwrap());
        let leaf = ours.server(["10.0.0.1", "manager"]).issue().unwrap();
        assert_eq!(verdict(&leaf), "cert.pem: OK\n");
        assert!(verdict(&leaf.trusting(&theirs)).contains("unable to get local issuer"));
    }

    #[test]
    fn validity_is_as_described() {
        let authority = Authority::new("a").unwrap();
        let expired = authority.client("c").expired().issue().unwrap();
        assert!(verdict(&expired).contains("certificate has expired"));
        let early = authority.client("c").not_yet_valid().issue().unwrap();
        assert!(verdict(&early).contains("certificate is not yet valid"));
        let soon = authority.client("c").expiring_in(Duration::days(3)).issue().unwrap();
        assert_eq!(verdict(&soon), "cert.pem: OK\n");
    }

    #[test]
    fn every_key_shape_has_its_own_header() {
        let authority = Authority::new("a").unwrap();
        let key = |shape| authority.client("c").key_shape(shape).issue().unwrap().key;
        assert_eq!(first_line(&key(KeyShape::Pkcs8)), "-----BEGIN PRIVATE KEY-----");
        assert_eq!(first_line(&key(KeyShape::Sec1)), "-----BEGIN EC PRIVATE KEY-----");
        assert_eq!(first_line(&key(KeyShape::Pkcs1)), "-----BEGIN RSA PRIVATE KEY-----");
        assert_eq!(
            first_line(&key(KeyShape::EncryptedPkcs8)),
            "-----BEGIN ENCRYPTED PRIVATE KEY-----"
        );
        assert!(key(KeyShape::EncryptedPkcs1).contains("DEK-Info"));
    }

    #[test]
    fn an_authority_that_was_written_down_still_signs() {
        let authority = Authority::new("a").unwrap();
        let text = serde_json::to_string(&authority).unwrap();
        let again: Authority = serde_json::from_str(&text).unwrap();
        assert_eq!(verdict(&again.client("c").issue().unwrap()), "cert.pem: OK\n");
    }

    #[test]
    fn debug_shows_no_key() {
        let authority = Authority::new("a").unwrap();
        let identity = authority.client("c").issue().unwrap();
        assert!(!format!("{authority:?} {identity:?}").contains("PRIVATE KEY"));
    }
}

//! Certificates that are made here, by an authority whose key nobody else has.
//!
//! Everything is ECDSA on P-256, which every TLS client of today knows, and carries the extensions
//! that strict ones insist on (<https://www.rfc-editor.org/rfc/rfc5280#section-4.2>).

#[cfg(test)]
mod samples;

use std::ops::Range;
use std::time::SystemTime;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, Error, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::CertificateDer;
use zeroize::Zeroizing;

#[cfg(test)]
pub(crate) use self::samples::{DAY, Pair, credentials, endpoint, identity};
use crate::pem::PrivateKey;

/// A CA that issues what it is told to.
pub(crate) struct Authority {
    params: CertificateParams,
    certificate: CertificateDer<'static>,
    key: Zeroizing<KeyPair>,
}

/// A certificate and its key.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: PrivateKey,
}

impl Authority {
    /// A CA with a new key.
    pub(crate) fn establish(params: CertificateParams) -> Result<Self, Error> {
        let key = Zeroizing::new(KeyPair::generate()?);
        let certificate = params.self_signed(&*key)?.into();
        Ok(Self { params, certificate, key })
    }

    /// A certificate for a new key.
    pub(crate) fn issue(&self, params: &CertificateParams) -> Result<Issued, Error> {
        let key = Zeroizing::new(KeyPair::generate()?);
        let issuer = Issuer::from_params(&self.params, &*self.key);
        let certificate = params.signed_by(&*key, &issuer)?.into();
        Ok(Issued { certificate, key: private(&key) })
    }

    /// The CA's own certificate.
    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }
}

/// What to ask of a CA's certificate.
pub(crate) fn of_authority(name: &str, validity: Range<SystemTime>) -> CertificateParams {
    let mut params = params(name, validity);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// What to ask of a client's certificate.
pub(crate) fn of_client(name: &str, validity: Range<SystemTime>) -> CertificateParams {
    let mut params = params(name, validity);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// What to ask of the certificate of a server with these host names and addresses.
pub(crate) fn of_server(
    name: &str,
    hosts: Vec<String>,
    validity: Range<SystemTime>,
) -> Result<CertificateParams, Error> {
    let mut params = params(name, validity);
    params.subject_alt_names = CertificateParams::new(hosts)?.subject_alt_names;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn params(name: &str, validity: Range<SystemTime>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = validity.start.into();
    params.not_after = validity.end.into();
    params.use_authority_key_identifier_extension = true;
    params
}

fn private(key: &KeyPair) -> PrivateKey {
    PrivateKey::from_pkcs8(key.serialized_der())
}

//! The private key as rustls signs with it, and whether a certificate is for it.

use std::sync::Arc;

use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::CertificateDer;
use rustls::sign::SigningKey;
use x509_parser::prelude::{FromDer, SubjectPublicKeyInfo};
use zeroize::Zeroize;

use super::certificate::Certificate;
use crate::pem::PrivateKey;

/// The key, unless its kind or size is unsupported.
pub(crate) fn load(key: &PrivateKey) -> Option<Arc<dyn SigningKey>> {
    let mut der = key.to_der();
    let signing = any_supported_type(&der).ok();
    der.zeroize();
    signing
}

/// Compares the bare public keys: the algorithm around them is written in more than one way.
pub(super) fn matches(key: &dyn SigningKey, certificate: &CertificateDer<'_>) -> bool {
    let Some(info) = key.public_key() else { return false };
    let Ok((_, ours)) = SubjectPublicKeyInfo::from_der(&info) else { return false };
    Certificate::read(certificate)
        .is_some_and(|certificate| certificate.public_key() == &*ours.subject_public_key.data)
}

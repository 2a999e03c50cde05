//! What one certificate says of itself.

use std::time::{Duration, SystemTime};

use humantime::format_rfc3339_seconds;
use rustls::pki_types::CertificateDer;
use x509_parser::oid_registry::{OID_PKCS1_MD5WITHRSAENC, OID_PKCS1_SHA1WITHRSA};
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

/// A parsed certificate.
pub(super) struct Certificate<'a>(X509Certificate<'a>);

/// How a certificate's dates stand to the clock. The words complete a sentence that starts with
/// where the certificate is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Validity {
    Good,
    EndsSoon(String),
    Invalid(String),
}

impl<'a> Certificate<'a> {
    pub(super) fn read(der: &'a CertificateDer<'_>) -> Option<Self> {
        X509Certificate::from_der(der).ok().map(|(_, certificate)| Self(certificate))
    }

    /// Certificates of version 1 have no extensions to say so; roots of that kind are self-signed.
    pub(super) fn is_ca(&self) -> bool {
        let old_root = self.0.version().0 == 0 && self.0.subject() == self.0.issuer();
        self.0.is_ca() || old_root
    }

    /// Without an extended key usage a certificate is for everything
    /// (<https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.12>).
    pub(super) fn is_for_clients(&self) -> bool {
        match self.0.extended_key_usage() {
            Ok(Some(usage)) => usage.value.client_auth || usage.value.any,
            _ => true,
        }
    }

    pub(super) fn is_issued_by(&self, ca: &Self) -> bool {
        self.0.issuer().as_raw() == ca.0.subject().as_raw()
    }

    pub(super) fn has_weak_signature(&self) -> bool {
        let algorithm = &self.0.signature_algorithm.algorithm;
        [OID_PKCS1_MD5WITHRSAENC, OID_PKCS1_SHA1WITHRSA].contains(algorithm)
    }

    /// The subject's public key, without the algorithm around it.
    pub(super) fn public_key(&self) -> &[u8] {
        &self.0.public_key().subject_public_key.data
    }

    pub(super) fn validity(&self, now: SystemTime, notice: Duration) -> Validity {
        let from = moment(self.0.validity().not_before);
        let until = moment(self.0.validity().not_after);
        let clock = format_rfc3339_seconds(now);
        if now < from {
            let from = format_rfc3339_seconds(from);
            Validity::Invalid(format!(
                "holds a certificate that is valid from {from} only; this machine's clock says {clock}"
            ))
        } else if now > until {
            let until = format_rfc3339_seconds(until);
            Validity::Invalid(format!(
                "holds a certificate that expired on {until}; this machine's clock says {clock}"
            ))
        } else if now + notice > until {
            let until = format_rfc3339_seconds(until);
            Validity::EndsSoon(format!(
                "holds a certificate that expires on {until}: issue a new one before"
            ))
        } else {
            Validity::Good
        }
    }
}

/// Dates before 1970 count as 1970, those after 9999, which have no RFC 3339 form, as 9999.
fn moment(time: ASN1Time) -> SystemTime {
    const YEAR_9999: u64 = 253_402_300_799;
    let seconds = u64::try_from(time.timestamp()).unwrap_or_default().min(YEAR_9999);
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

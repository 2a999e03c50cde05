//! The intake of PEM text, in every shape in which CI variables deliver it.
//!
//! A certificate pasted into a form or carried through scripts arrives with CRLF, a byte order
//! mark, indentation, literal `\n`, spaces for newlines, quotes, as base64 of the whole text, or
//! with its blocks glued together. [RFC 7468](https://www.rfc-editor.org/rfc/rfc7468) parsers lose
//! such blocks, some without an error. What is meant is never in doubt, so all of these are read;
//! the rest is refused as a [`Flaw`] that says what was found, never with any of the text itself.
//!
//! What this module hands out writes itself as canonical PEM, which the Docker CLI accepts.

mod armor;
mod flaw;
#[cfg(test)]
mod tests;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use job::Secret;
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use zeroize::Zeroizing;

pub use self::flaw::Flaw;

use self::armor::{Armor, Block};

/// Columns of base64 in a line, as RFC 7468 section 2 has it.
const COLUMNS: usize = 64;

/// A private key that is not encrypted.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKey {
    form: KeyForm,
    der: Zeroizing<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyForm {
    Pkcs1,
    Pkcs8,
    Sec1,
}

/// All certificates in the text, in its order; at least one.
pub fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, Flaw> {
    let armor = Armor::read(text)?;
    let blocks = armor.blocks()?;
    let certificates = blocks
        .iter()
        .filter(|block| matches!(block.label, "CERTIFICATE" | "X509 CERTIFICATE"))
        .map(|block| Ok(CertificateDer::from(block.der()?.to_vec())))
        .collect::<Result<Vec<_>, Flaw>>()?;
    match (certificates.is_empty(), blocks.first()) {
        (false, _) => Ok(certificates),
        (true, Some(block)) => Err(Flaw::of_label(block.label)),
        (true, None) => Err(Flaw::NotPem),
    }
}

/// The one private key in the text; certificates and curve parameters beside it don't matter.
pub fn private_key(text: &[u8]) -> Result<PrivateKey, Flaw> {
    let armor = Armor::read(text)?;
    let blocks = armor.blocks()?;
    let mut keys = blocks.iter().filter(|block| block.label.ends_with("PRIVATE KEY"));
    match (keys.next(), keys.next()) {
        (Some(key), None) => PrivateKey::from_block(key),
        (Some(_), Some(_)) => Err(Flaw::SeveralKeys),
        (None, _) => Err(blocks.first().map_or(Flaw::NotPem, |block| Flaw::of_label(block.label))),
    }
}

/// The certificates as canonical PEM.
pub fn certificates_text(certificates: &[CertificateDer<'_>]) -> String {
    certificates.iter().map(|der| text("CERTIFICATE", der).to_string()).collect()
}

impl PrivateKey {
    fn from_block(block: &Block<'_>) -> Result<Self, Flaw> {
        let form = match block.label {
            "PRIVATE KEY" => KeyForm::Pkcs8,
            "RSA PRIVATE KEY" => KeyForm::Pkcs1,
            "EC PRIVATE KEY" => KeyForm::Sec1,
            other => return Err(Flaw::of_label(other)),
        };
        Ok(Self { form, der: block.der()? })
    }

    /// The key that stands in DER of PKCS#8. The copy given is not wiped.
    pub(crate) fn from_pkcs8(der: &[u8]) -> Self {
        Self { form: KeyForm::Pkcs8, der: Zeroizing::new(der.to_vec()) }
    }

    /// The key as rustls takes it. The copy is not wiped.
    pub fn to_der(&self) -> PrivateKeyDer<'static> {
        let der = self.der.to_vec();
        match self.form {
            KeyForm::Pkcs1 => PrivatePkcs1KeyDer::from(der).into(),
            KeyForm::Pkcs8 => PrivatePkcs8KeyDer::from(der).into(),
            KeyForm::Sec1 => PrivateSec1KeyDer::from(der).into(),
        }
    }

    /// The key as canonical PEM.
    pub fn to_text(&self) -> Secret {
        let label = match self.form {
            KeyForm::Pkcs1 => "RSA PRIVATE KEY",
            KeyForm::Pkcs8 => "PRIVATE KEY",
            KeyForm::Sec1 => "EC PRIVATE KEY",
        };
        Secret::from(text(label, &self.der).as_str())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey([masked])")
    }
}

/// One block of canonical PEM. Nothing is reallocated, so wiping the result wipes every copy.
fn text(label: &str, der: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(STANDARD.encode(der));
    let lines = base64.len().div_ceil(COLUMNS);
    let mut text =
        Zeroizing::new(String::with_capacity(base64.len() + lines + 2 * label.len() + 64));
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(COLUMNS));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

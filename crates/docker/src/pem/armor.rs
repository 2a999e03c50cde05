//! Finding the armored blocks in a mangled text.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use x509_parser::der_parser::asn1_rs::{Header, Tag};
use x509_parser::prelude::FromDer;
use zeroize::Zeroizing;

use super::Flaw;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// Padding often gets lost in copying, and nothing depends on it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A text in which blocks can be found: escapes resolved, base64 around it taken off.
pub(super) struct Armor(Zeroizing<String>);

/// One block, its body not decoded yet.
pub(super) struct Block<'a> {
    /// What stands between `BEGIN` and the dashes.
    pub(super) label: &'a str,
    body: &'a str,
}

impl Armor {
    pub(super) fn read(text: &[u8]) -> Result<Self, Flaw> {
        if text.starts_with(&[0x30, 0x82]) {
            return Err(Flaw::of_der(text));
        }
        let text = std::str::from_utf8(text).map_err(|_| Flaw::NotText)?;
        if text.contains('\0') {
            return Err(Flaw::NotText);
        }
        let armor = Self(unescape(text));
        if armor.is_armored() {
            return Ok(armor);
        }
        match Flaw::of_words(bare(text)) {
            Some(flaw) => Err(flaw),
            None => armor.unwrapped(),
        }
    }

    /// Every block, in order.
    pub(super) fn blocks(&self) -> Result<Vec<Block<'_>>, Flaw> {
        let mut blocks = Vec::new();
        let mut rest = self.0.as_str();
        while let Some((_, after)) = rest.split_once(BEGIN) {
            let (block, after) = Block::split_from(after)?;
            blocks.push(block);
            rest = after;
        }
        if rest.contains(END) { Err(Flaw::Truncated) } else { Ok(blocks) }
    }

    fn is_armored(&self) -> bool {
        self.0.contains(BEGIN) || self.0.contains(END)
    }

    /// Takes off the base64 that is around the whole text.
    fn unwrapped(self) -> Result<Self, Flaw> {
        let inner = decode(&self.0).ok_or(Flaw::NotPem)?;
        match std::str::from_utf8(&inner).map(unescape).map(Self) {
            Ok(armor) if armor.is_armored() => Ok(armor),
            _ => Err(Flaw::of_der(&inner)),
        }
    }
}

impl<'a> Block<'a> {
    /// Splits `LABEL-----body-----END LABEL-----rest` into the block and the rest.
    fn split_from(text: &'a str) -> Result<(Self, &'a str), Flaw> {
        let (label, after) = text.split_once(DASHES).ok_or(Flaw::Truncated)?;
        let (body, after) = after.split_once(END).ok_or(Flaw::Truncated)?;
        if body.contains(BEGIN) {
            return Err(Flaw::Truncated);
        }
        let (end, rest) = after.split_once(DASHES).ok_or(Flaw::Truncated)?;
        if label.trim() != end.trim() {
            return Err(Flaw::Damaged);
        }
        Ok((Self { label: label.trim(), body }, rest))
    }

    /// The decoded body: one whole DER value.
    pub(super) fn der(&self) -> Result<Zeroizing<Vec<u8>>, Flaw> {
        // RFC 1421 headers, as `openssl rsa -aes256 -traditional` writes them.
        if self.body.contains("ENCRYPTED") {
            return Err(Flaw::Encrypted);
        }
        let der = decode(self.body).ok_or(Flaw::Damaged)?;
        if is_one_sequence(&der) { Ok(der) } else { Err(Flaw::Damaged) }
    }
}

/// Literal `\n`, `\r` and `\t` (escaped once or more often), byte order marks and odd spaces become
/// plain white space.
fn unescape(text: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '\u{feff}', '\u{a0}', '\u{200b}']) {
        plain.push_str(&rest[..at]);
        plain.push('\n');
        let after = rest[at..].trim_start_matches(['\\', '\u{feff}', '\u{a0}', '\u{200b}']);
        let escape = rest[at..].starts_with('\\');
        rest = if escape { after.strip_prefix(['n', 'r', 't']).unwrap_or(after) } else { after };
    }
    plain.push_str(rest);
    plain
}

/// The text without what tools put around a value.
fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '"' | '\''))
}

fn decode(base64: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut dense = Zeroizing::new(String::with_capacity(base64.len()));
    dense.extend(base64.chars().filter(|c| !c.is_whitespace() && !matches!(c, '"' | '\'')));
    BASE64.decode(dense.as_bytes()).ok().map(Zeroizing::new)
}

/// Whether the bytes are exactly one DER SEQUENCE, going by its length: a body that lost its tail
/// or a line in the middle still decodes as base64.
fn is_one_sequence(der: &[u8]) -> bool {
    let Ok((content, header)) = Header::from_der(der) else { return false };
    header.tag() == Tag::Sequence && header.length().definite().is_ok_and(|n| n == content.len())
}

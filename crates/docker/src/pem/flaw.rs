//! What was found where PEM text should be.

use thiserror::Error;

/// Why a text is not taken. Completes a sentence that starts with the text's name, and holds
/// nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Flaw {
    /// Nothing there.
    #[error("is missing")]
    Missing,
    /// A file that this user may not read.
    #[error("cannot be read: permission denied")]
    Denied,
    /// A file that cannot be read for another reason.
    #[error("cannot be read")]
    Unreadable,
    /// Nothing in it.
    #[error("is empty")]
    Empty,
    /// A file's name.
    #[error("holds the path of a file instead of its content")]
    Path,
    /// `$OTHER`.
    #[error("holds a reference to another variable that was not expanded")]
    Reference,
    /// `[MASKED]`, copied from a job log.
    #[error("holds the word [MASKED], copied from a job log, instead of the content")]
    Masked,
    /// A key with a pass phrase.
    #[error("holds a key that is encrypted with a pass phrase")]
    Encrypted,
    /// A certificate in place of a key.
    #[error("holds a certificate where a private key is expected")]
    CertificateForKey,
    /// A private key in place of a certificate.
    #[error("holds a private key where a certificate is expected")]
    KeyForCertificate,
    /// A public key in place of anything.
    #[error("holds a public key")]
    PublicKey,
    /// A request in place of the certificate.
    #[error("holds a certificate signing request")]
    Request,
    /// A key of ssh, in a form of its own.
    #[error("holds a key in the form that ssh uses")]
    Ssh,
    /// A key of an algorithm that TLS gave up.
    #[error("holds a key of an algorithm that TLS does not use any more")]
    OldAlgorithm,
    /// More than one private key.
    #[error("holds several private keys")]
    SeveralKeys,
    /// A PKCS#12 archive.
    #[error("holds a PKCS#12 archive (.p12, .pfx)")]
    Pkcs12,
    /// A PKCS#7 bundle.
    #[error("holds a PKCS#7 bundle (.p7b)")]
    Pkcs7,
    /// DER, or its base64 without the lines around it.
    #[error("holds DER without the lines BEGIN and END around it")]
    Der,
    /// `BEGIN` without `END` or the reverse.
    #[error("is cut off: a line BEGIN or END is missing")]
    Truncated,
    /// A body that is no base64 of one whole value.
    #[error("is damaged: between BEGIN and END, something is missing or too much")]
    Damaged,
    /// Not UTF-8.
    #[error("is not text (UTF-16 or binary)")]
    NotText,
    /// A block of another kind.
    #[error("holds a PEM block of another kind")]
    Foreign,
    /// None of the above.
    #[error("is not PEM text")]
    NotPem,
}

impl Flaw {
    /// What to do about it. What is not there at all is for its owner to place.
    pub fn remedy(self) -> Option<&'static str> {
        match self {
            Self::Denied => Some("let the user that runs gitlab-runner read it, and nobody else"),
            Self::Path => Some("paste the file's content, or use GitLab's variable type \"File\""),
            Self::Reference => Some(
                "define the variable that it refers to where this job can see it, or paste the content",
            ),
            Self::Masked => Some("paste the content from its source: a job log does not show it"),
            Self::Encrypted => {
                Some("store it without pass phrase: openssl pkey -in key.pem -out plain.pem")
            }
            Self::Ssh => Some("the cluster's key belongs to an X.509 certificate, not to ssh"),
            Self::Pkcs12 => {
                Some("convert it: openssl pkcs12 -in client.p12 -nodes -clcerts -out client.pem")
            }
            Self::Pkcs7 => Some("convert it: openssl pkcs7 -print_certs -in bundle.p7b"),
            Self::Der => Some("convert it: openssl x509 -inform DER (or openssl pkey -inform DER)"),
            Self::NotText => Some("store it as UTF-8 text"),
            Self::OldAlgorithm => {
                Some("issue a new key: RSA from 2048 bits, P-256, P-384, Ed25519")
            }
            Self::Unreadable => Some("it must be a regular file on a disk that works"),
            Self::CertificateForKey | Self::KeyForCertificate => {
                Some("put ca.pem, cert.pem and key.pem each in its own place: two are exchanged")
            }
            Self::PublicKey => Some("use the certificate or the private key that it belongs to"),
            Self::Request => Some("use the certificate that the CA issued for the request"),
            Self::SeveralKeys => Some("leave only the key of the client's certificate"),
            Self::Truncated | Self::Damaged | Self::Foreign | Self::NotPem => {
                Some("paste the whole PEM file, from its line BEGIN to its line END")
            }
            Self::Missing | Self::Empty => None,
        }
    }

    /// What a block with this label is, when it is not what was looked for.
    pub(super) fn of_label(label: &str) -> Self {
        match label {
            "ENCRYPTED PRIVATE KEY" => Self::Encrypted,
            "OPENSSH PRIVATE KEY" => Self::Ssh,
            "DSA PRIVATE KEY" => Self::OldAlgorithm,
            "CERTIFICATE" | "X509 CERTIFICATE" => Self::CertificateForKey,
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Self::Request,
            "PKCS7" | "CMS" => Self::Pkcs7,
            "PKCS12" => Self::Pkcs12,
            label if label.ends_with("PRIVATE KEY") => Self::KeyForCertificate,
            label if label.ends_with("PUBLIC KEY") => Self::PublicKey,
            _ => Self::Foreign,
        }
    }

    /// What a text without any PEM block is, going by its looks.
    pub(super) fn of_words(text: &str) -> Option<Self> {
        let one_word = !text.contains(char::is_whitespace);
        if text.is_empty() {
            Some(Self::Empty)
        } else if text.contains("[MASKED]") {
            Some(Self::Masked)
        } else if text.starts_with('$')
            || (one_word && text.starts_with('%') && text.ends_with('%'))
        {
            Some(Self::Reference)
        } else if text.starts_with("PuTTY-User-Key-File") || text.starts_with("---- BEGIN SSH2") {
            Some(Self::Ssh)
        } else if text.starts_with("ssh-") || text.starts_with("ecdsa-sha2-") {
            Some(Self::PublicKey)
        } else if one_word && looks_like_path(text) {
            Some(Self::Path)
        } else {
            None
        }
    }

    /// What bytes that are no text are. An archive starts with `SEQUENCE { INTEGER 3`
    /// (<https://www.rfc-editor.org/rfc/rfc7292#section-4>).
    pub(super) fn of_der(bytes: &[u8]) -> Self {
        match bytes {
            [0x30, 0x82, _, _, 0x02, 0x01, 0x03, ..] | [0x30, 0x80, 0x02, 0x01, 0x03, ..] => {
                Self::Pkcs12
            }
            [0x30, 0x81 | 0x82, ..] => Self::Der,
            _ => Self::NotPem,
        }
    }
}

fn looks_like_path(text: &str) -> bool {
    let extension = std::path::Path::new(text).extension().and_then(|e| e.to_str());
    text.starts_with(['/', '~', '.'])
        || text.get(1..3) == Some(":\\")
        || matches!(extension, Some("pem" | "crt" | "cer" | "key"))
}

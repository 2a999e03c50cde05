//! Private keys, in every shape that a user's key file can have.

use std::io::Write;
use std::process::{Command, Stdio};

use job::{Failure, Result};
use rcgen::KeyPair;

/// The pass phrase of every encrypted key issued here.
pub const PASS_PHRASE: &str = "swordfish";

/// [`PASS_PHRASE`] as `openssl` takes it.
const PASS_OUT: &str = "pass:swordfish";

/// How the private key is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyShape {
    /// EC key, `BEGIN PRIVATE KEY`.
    #[default]
    Pkcs8,
    /// EC key, `BEGIN EC PRIVATE KEY`.
    Sec1,
    /// RSA key, `BEGIN RSA PRIVATE KEY`.
    Pkcs1,
    /// EC key under [`PASS_PHRASE`], `BEGIN ENCRYPTED PRIVATE KEY`.
    EncryptedPkcs8,
    /// RSA key under [`PASS_PHRASE`], `BEGIN RSA PRIVATE KEY` with a `DEK-Info` header.
    EncryptedPkcs1,
}

/// A new key that can take this shape, PKCS#8.
pub(super) fn generate(shape: KeyShape) -> Result<String> {
    if shape.is_rsa() {
        return openssl(&["genpkey", "-quiet", "-algorithm", "RSA"], "");
    }
    let key = KeyPair::generate();
    let key = key.map_err(|error| Failure::system("cannot make a key").caused_by(error))?;
    Ok(key.serialize_pem())
}

impl KeyShape {
    /// Writes a PKCS#8 key in this shape.
    pub(super) fn write(self, pkcs8: String) -> Result<String> {
        match self.conversion() {
            None => Ok(pkcs8),
            Some(arguments) => openssl(arguments, &pkcs8),
        }
    }

    fn is_rsa(self) -> bool {
        matches!(self, Self::Pkcs1 | Self::EncryptedPkcs1)
    }

    /// The `openssl` arguments that turn PKCS#8 into this shape; none for PKCS#8 itself.
    fn conversion(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Pkcs8 => None,
            Self::Sec1 => Some(&["ec"]),
            Self::Pkcs1 => Some(&["rsa", "-traditional"]),
            Self::EncryptedPkcs8 => {
                Some(&["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", PASS_OUT])
            }
            Self::EncryptedPkcs1 => Some(&["rsa", "-traditional", "-aes256", "-passout", PASS_OUT]),
        }
    }
}

/// Runs `openssl` with a key on its stdin, never in its arguments.
fn openssl(arguments: &[&str], input: &str) -> Result<String> {
    let wrap = |error: std::io::Error| {
        Failure::system("cannot run `openssl`").caused_by(error).hint("install openssl")
    };
    let mut command = Command::new("openssl");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(wrap)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).map_err(wrap)?;
    }
    let output = child.wait_with_output().map_err(wrap)?;
    if !output.status.success() {
        return Err(Failure::system(format!("`openssl {}`: {}", arguments[0], output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

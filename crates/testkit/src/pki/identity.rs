//! A certificate with its key, ready for use.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use job::{Failure, Result};

use super::Authority;

/// A certificate, its key and its authority, PEM.
#[derive(Clone)]
pub struct Identity {
    /// The certificate of the authority that the other side is checked against.
    pub ca: String,
    /// The certificate.
    pub cert: String,
    /// The private key.
    pub key: String,
}

impl Identity {
    /// This certificate with the key of another one, so that the two don't match.
    #[must_use]
    pub fn with_key_of(mut self, other: &Self) -> Self {
        self.key.clone_from(&other.key);
        self
    }

    /// This certificate, trusting another authority.
    #[must_use]
    pub fn trusting(mut self, authority: &Authority) -> Self {
        self.ca.clone_from(&authority.certificate);
        self
    }

    /// Writes `ca.pem`, `cert.pem` and `key.pem`, mode 0600, as `DOCKER_CERT_PATH` wants them.
    ///
    /// # Errors
    ///
    /// The directory can't be made or a file not be written.
    pub fn write_to(&self, directory: &Path) -> Result<()> {
        let files = [("ca.pem", &self.ca), ("cert.pem", &self.cert), ("key.pem", &self.key)];
        let write = || {
            fs::create_dir_all(directory)?;
            files.iter().try_for_each(|(name, text)| {
                let mut options = OpenOptions::new();
                let options = options.write(true).create(true).truncate(true).mode(0o600);
                options.open(directory.join(name))?.write_all(text.as_bytes())
            })
        };
        write().map_err(|error: std::io::Error| {
            Failure::system(format!("cannot write certificates to {}", directory.display()))
                .caused_by(error)
        })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("cert", &self.cert).finish_non_exhaustive()
    }
}

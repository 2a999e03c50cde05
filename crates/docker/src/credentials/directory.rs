//! Credentials from `ca.pem`, `cert.pem` and `key.pem` of a directory on the runner machine.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use job::Result;
use zeroize::Zeroizing;

use super::{Credentials, Origin, Part};
use crate::pem::Flaw;

/// Longest file read, in bytes: a bundle of many certificates fits many times over.
const LONGEST: u64 = 1 << 20;

/// Permission bits of everyone but the owner and the group.
const OTHERS: u32 = 0o007;

impl Credentials {
    /// Reads a directory as the Docker CLI's `DOCKER_CERT_PATH` is laid out.
    ///
    /// # Errors
    /// The system's, with every file that is missing, unreadable or holds something else.
    pub fn from_directory(directory: &Path) -> Result<Self> {
        let origin = Origin::Directory(directory.to_owned());
        let file = |part: Part| directory.join(part.file_name());
        let mut credentials = Self::read(origin, |part| read(&file(part)))?;
        credentials.warnings.extend(exposed(&file(Part::Key)));
        Ok(credentials)
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Flaw> {
    read_whole(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Flaw::Missing,
        ErrorKind::PermissionDenied => Flaw::Denied,
        _ => Flaw::Unreadable,
    })
}

fn read_whole(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = File::open(path)?;
    let size = file.metadata()?.len().min(LONGEST);
    // Sized beforehand, so that no copy is left behind in growing.
    let capacity = usize::try_from(size).unwrap_or_default() + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    file.take(size).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn exposed(key: &Path) -> Option<String> {
    let mode = key.metadata().ok()?.permissions().mode();
    (mode & OTHERS != 0)
        .then(|| format!("{} is open to every user of this machine: chmod 0600 it", key.display()))
}

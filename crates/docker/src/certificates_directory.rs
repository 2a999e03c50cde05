//! The certificates directory: `ca.pem`, `cert.pem`, `key.pem` as `DOCKER_CERT_PATH` expects them.
//!
//! Nothing in it is readable by anyone else even for a moment, files appear whole or not at all,
//! and symbolic links are never followed: whoever can create names beside us must not gain by it.
//! Where the directory is and when it is wiped is the caller's to decide.

#[cfg(test)]
mod tests;
mod wipe;

use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use job::{ExposeSecret, Failure, Result};
use rustix::fs::{AtFlags, CWD, Mode, OFlags};

pub use self::wipe::{Wiped, wipe, wipe_files_inside, wipe_inside};

use crate::credentials::{Credentials, Part};

/// `f_type` of file systems that live in memory
/// (<https://man7.org/linux/man-pages/man2/statfs.2.html>).
const IN_MEMORY: [i64; 2] = [0x0102_1994, 0x8584_58f6];

/// Writes the three files; `directory` is created with mode 0700, its parent must be there.
///
/// Repeating it replaces the files.
///
/// # Errors
/// The system's, naming the file.
pub fn write(directory: &Path, credentials: &Credentials) -> Result<()> {
    let opened = create(directory).map_err(|error| {
        Failure::system(format!("cannot make the certificates directory {}", directory.display()))
            .caused_by(error)
            .hint("let gitlab-runner's user write to the directory that it is in, and make room there")
    })?;
    for part in Part::ALL {
        let text = credentials.text(part);
        write_file(&opened, part.file_name(), text.expose_secret().as_bytes()).map_err(
            |error| {
                let path = directory.join(part.file_name());
                Failure::system(format!("cannot write {}", path.display()))
                    .caused_by(error)
                    .hint("make room on the file system that it is on")
            },
        )?;
    }
    Ok(())
}

/// Whether what is written below `path`, which must exist, stays in memory.
pub fn is_tmpfs(path: &Path) -> io::Result<bool> {
    let kind = rustix::fs::statfs(path)?.f_type;
    Ok(IN_MEMORY.contains(&kind))
}

fn create(directory: &Path) -> io::Result<OwnedFd> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let opened = open_directory(directory)?;
    rustix::fs::fchmod(&opened, Mode::RWXU)?;
    Ok(opened)
}

fn open_directory(directory: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(CWD, directory, flags, Mode::empty())?)
}

/// A name that a killed predecessor left half-written is replaced; one that appears meanwhile is
/// not.
fn write_file(directory: &OwnedFd, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = format!(".{name}.new");
    match rustix::fs::unlinkat(directory, &temporary, AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR;
    let mut file = File::from(rustix::fs::openat(directory, &temporary, flags, mode)?);
    rustix::fs::fchmod(&file, mode)?;
    file.write_all(bytes)?;
    rustix::fs::renameat(directory, &temporary, directory, name)?;
    Ok(())
}

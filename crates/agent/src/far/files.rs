//! The files that the script needs from its beginning, such as a client's certificates.

use crate::message::PrivateFile;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

/// A file that can't be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the file {}", .path.display())]
pub(super) struct FileError {
    path: PathBuf,
    source: io::Error,
}

/// Writes them, for nobody but the script's user to read.
pub(super) fn write(files: &[PrivateFile]) -> Result<(), FileError> {
    files.iter().try_for_each(|file| {
        write_one(file).map_err(|source| FileError { path: file.path.clone(), source })
    })
}

fn write_one(file: &PrivateFile) -> io::Result<()> {
    if let Some(directory) = file.path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    match fs::remove_file(&file.path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // A new file: nobody has it open, and its mode is this one from the first byte on.
    let mut new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file.path)?;
    new.write_all(&file.contents)
}

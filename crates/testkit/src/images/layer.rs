//! Layers: tar files, made the same way every time.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use job::{Failure, Result};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

/// One layer, uncompressed, with its digest.
#[derive(Clone)]
pub(super) struct Layer {
    pub(super) tar: Arc<[u8]>,
    /// SHA-256 of the tar, in hexadecimal: the layer's `diff_id` without its `sha256:`.
    pub(super) digest: String,
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Layer({}, {} bytes)", self.digest, self.tar.len())
    }
}

/// One thing in a layer; paths in the layer are relative to its root.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    /// A directory.
    Directory { path: &'static str, mode: u32, owner: u64 },
    /// A file with this text.
    Text { path: &'static str, mode: u32, text: &'static str },
    /// A program or library with the content that `source` has on this machine.
    Copy { path: PathBuf, source: PathBuf },
    /// A symbolic link.
    Link { path: PathBuf, target: &'static str },
}

impl Entry {
    /// A program or library at the path that it has on this machine.
    pub(super) fn in_place(source: PathBuf) -> Self {
        let path = source.strip_prefix("/").unwrap_or(&source).to_owned();
        Self::Copy { path, source }
    }

    fn append(&self, tar: &mut Builder<Vec<u8>>) -> io::Result<()> {
        match self {
            Self::Directory { path, mode, owner } => {
                let mut header = header(EntryType::Directory, *mode, 0);
                header.set_uid(*owner);
                header.set_gid(*owner);
                tar.append_data(&mut header, path, io::empty())
            }
            Self::Text { path, mode, text } => file(tar, Path::new(path), *mode, text.as_bytes()),
            Self::Copy { path, source } => file(tar, path, 0o755, &std::fs::read(source)?),
            Self::Link { path, target } => {
                tar.append_link(&mut header(EntryType::Symlink, 0o777, 0), path, target)
            }
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Directory { path, .. } | Self::Text { path, .. } => Path::new(path),
            Self::Copy { path, .. } | Self::Link { path, .. } => path,
        }
    }
}

impl Layer {
    /// A layer of these entries, in this order.
    ///
    /// # Errors
    ///
    /// A file of this machine can't be read.
    pub(super) fn of(entries: &[Entry]) -> Result<Self> {
        let mut tar = Builder::new(Vec::new());
        for entry in entries {
            entry.append(&mut tar).map_err(|error| unwritten(entry.path(), error))?;
        }
        let tar = tar.into_inner().map_err(|error| unwritten(Path::new("/"), error))?;
        let digest = sha256(&tar);
        Ok(Self { tar: tar.into(), digest })
    }
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// Owner, group and time are zero, so that the same content has the same digest every time.
pub(super) fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header
}

fn file(tar: &mut Builder<Vec<u8>>, path: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
    let mut header = header(EntryType::Regular, mode, content.len() as u64);
    tar.append_data(&mut header, path, content)
}

fn unwritten(path: &Path, error: io::Error) -> Failure {
    Failure::system(format!("cannot put {} into a layer", path.display())).caused_by(error)
}

//! Wiping: overwritten, then unlinked. "Already gone" is success, and one obstacle never keeps the
//! rest from being wiped.
//!
//! Overwriting is a best effort: a copy-on-write file system or a flash disk may keep the old
//! blocks. That is why the directory belongs on a file system in memory.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use job::{Failure, Result};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::open_directory;
use crate::credentials::Part;

/// What there was to wipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wiped {
    /// Something, which is gone now.
    Something,
    /// Nothing: no such directory.
    Nothing,
    /// Not ours to touch: the path leads out of the root, by itself, by `..` or by a link.
    Outside,
}

/// Wipes every file in our own certificates directory and removes it.
///
/// # Errors
/// The system's, with everything that could not be wiped or removed.
pub fn wipe(directory: &Path) -> Result<Wiped> {
    let opened = match open_directory(directory) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Wiped::Nothing),
        Err(error) => return Err(cannot_wipe(directory, &[error.to_string()])),
    };
    let mut troubles = match names_in(&opened) {
        Ok(names) => wipe_files(&opened, names.iter().map(PathBuf::as_path)),
        Err(error) => vec![error.to_string()],
    };
    if let Err(error) = remove_directory(CWD, directory) {
        troubles.push(error.to_string());
    }
    if troubles.is_empty() { Ok(Wiped::Something) } else { Err(cannot_wipe(directory, &troubles)) }
}

/// Wipes `ca.pem`, `cert.pem` and `key.pem` in a directory that a job made, and removes it if it is
/// empty then.
///
/// `path`, which the job controls, is absolute or relative to `root`, and is followed inside `root`
/// only, through real directories only.
///
/// # Errors
/// The system's, with everything that could not be wiped.
pub fn wipe_inside(root: &Path, path: &Path) -> Result<Wiped> {
    wipe_names_inside(root, path, |_| Ok(Part::ALL.map(|part| part.file_name().into()).into()))
}

/// Like [`wipe_inside`], for a directory in which every file is a secret; directories in it stay.
///
/// # Errors
/// The system's, with everything that could not be wiped.
pub fn wipe_files_inside(root: &Path, path: &Path) -> Result<Wiped> {
    wipe_names_inside(root, path, files_in)
}

fn wipe_names_inside(
    root: &Path,
    path: &Path,
    names: impl FnOnce(&OwnedFd) -> io::Result<Vec<PathBuf>>,
) -> Result<Wiped> {
    let Some(inside) = relative_to(root, path) else { return Ok(Wiped::Outside) };
    let opened = match open_beneath(root, &inside) {
        Ok(opened) => opened,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(Wiped::Nothing),
        Err(Errno::XDEV | Errno::LOOP) => return Ok(Wiped::Outside),
        Err(error) => return Err(cannot_wipe(&root.join(inside), &[error.to_string()])),
    };
    let mut troubles = match names(&opened) {
        Ok(names) => wipe_files(&opened, names.iter().map(PathBuf::as_path)),
        Err(error) => vec![error.to_string()],
    };
    if let Err(error) = remove_if_empty(root, &inside) {
        troubles.push(error.to_string());
    }
    if troubles.is_empty() {
        Ok(Wiped::Something)
    } else {
        Err(cannot_wipe(&root.join(inside), &troubles))
    }
}

fn relative_to(root: &Path, path: &Path) -> Option<PathBuf> {
    let inside = if path.is_absolute() { path.strip_prefix(root).ok()? } else { path };
    Some(if inside.as_os_str().is_empty() { PathBuf::from(".") } else { inside.to_owned() })
}

/// The kernel, not a comparison of names, keeps the way inside
/// (<https://man7.org/linux/man-pages/man2/openat2.2.html>).
fn open_beneath(root: &Path, inside: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::openat(CWD, root, OFlags::PATH | flags, Mode::empty())?;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    rustix::fs::openat2(&root, inside, OFlags::RDONLY | flags, Mode::empty(), resolve)
}

/// Removes the directory unless something else is in it, or it is the root itself.
fn remove_if_empty(root: &Path, inside: &Path) -> Result<(), Errno> {
    let Some(Component::Normal(name)) = inside.components().next_back() else { return Ok(()) };
    let parent = match inside.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let parent = open_beneath(root, parent)?;
    match remove_directory(parent.as_fd(), Path::new(name)) {
        Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
        removed => removed,
    }
}

fn remove_directory(parent: BorrowedFd<'_>, name: &Path) -> Result<(), Errno> {
    match rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Err(Errno::NOENT) => Ok(()),
        removed => removed,
    }
}

fn names_in(directory: &OwnedFd) -> io::Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name != "." && name != ".." {
            names.push(PathBuf::from(name));
        }
    }
    Ok(names)
}

/// What has gone meanwhile counts as no file.
fn files_in(directory: &OwnedFd) -> io::Result<Vec<PathBuf>> {
    let mut names = names_in(directory)?;
    names.retain(|name| {
        let found = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW);
        found.is_ok_and(|found| FileType::from_raw_mode(found.st_mode) != FileType::Directory)
    });
    Ok(names)
}

/// What could not be wiped, as `name: why`.
fn wipe_files<'a>(directory: &OwnedFd, names: impl IntoIterator<Item = &'a Path>) -> Vec<String> {
    names
        .into_iter()
        .filter_map(|name| match wipe_file(directory, name) {
            Ok(()) => None,
            Err(error) => Some(format!("{}: {error}", name.display())),
        })
        .collect()
}

/// That the name is gone counts; why its content could not be overwritten does not.
fn wipe_file(directory: &OwnedFd, name: &Path) -> Result<(), Errno> {
    let _ = overwrite(directory, name);
    match rustix::fs::unlinkat(directory, name, AtFlags::empty()) {
        Err(Errno::NOENT) => Ok(()),
        unlinked => unlinked,
    }
}

/// Overwrites a regular file that has this one name only: under another name it may be anything.
fn overwrite(directory: &OwnedFd, name: &Path) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(directory, name, flags, Mode::empty())?);
    let found = rustix::fs::fstat(&file)?;
    if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile || found.st_nlink != 1 {
        return Ok(());
    }
    let zeros = [0; 4096];
    let mut left = usize::try_from(found.st_size).unwrap_or_default();
    while left > 0 {
        left -= file.write(&zeros[..left.min(zeros.len())])?;
    }
    file.sync_all()
}

fn cannot_wipe(directory: &Path, troubles: &[String]) -> Failure {
    let what = format!("cannot wipe the certificates in {}", directory.display());
    Failure::system(what).caused_by(troubles.join("; ")).hint("remove what is left there by hand")
}

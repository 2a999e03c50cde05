//! Removing a directory with all that is in it.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::state::already_gone_is_success;

/// Removes `path`, a link as a link; "already gone" is success.
///
/// A user other than root can't remove what is in a directory that is read-only, as those of Go's
/// module cache are (<https://go.dev/ref/mod#module-cache>): such directories are opened first.
pub(super) fn whole(path: &Path) -> io::Result<()> {
    already_gone_is_success(match fs::remove_dir_all(path) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            open_up(path);
            fs::remove_dir_all(path)
        }
        removed => removed,
    })
}

/// Lets their owner into all directories from `path` downwards, as far as they are ours.
fn open_up(path: &Path) {
    if !fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
        return;
    }
    // Whatever stays closed, the removal will name.
    let _ = fs::set_permissions(path, Permissions::from_mode(0o700));
    let entries = fs::read_dir(path).into_iter().flatten().filter_map(io::Result::ok);
    entries.for_each(|entry| open_up(&entry.path()));
}

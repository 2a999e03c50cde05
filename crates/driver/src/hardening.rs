//! What every stage does first, so that a crash can't leave a key behind.

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// Forbids core dumps of this process and reading its memory by others of the same user
/// (`PR_SET_DUMPABLE`, <https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html>).
/// Programs that it starts are not affected, so a job may still debug its own.
pub(crate) fn keep_secrets_in_memory() {
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::debug!(%error, "core dumps stay possible");
    }
}

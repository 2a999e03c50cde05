//! `BUILD_EXIT_CODE_FILE`: where gitlab-runner 17.9 and later looks for a script's exit code.
//!
//! It is one file for all stages of an attempt and nobody else clears it, so a code left there by
//! one stage would be taken for that of a later one that fails for another reason.

use std::fs;

use job::{Failure, JobContext, Result};

use crate::job_log::JobLog;
use crate::state::already_gone_is_success;

/// Forgets the code of an earlier stage.
pub(super) fn clear(job: &JobContext) -> Result<()> {
    let Some(path) = &job.exit_code_file else { return Ok(()) };
    already_gone_is_success(fs::remove_file(path)).map_err(|error| {
        Failure::system(format!("cannot clear BUILD_EXIT_CODE_FILE {}", path.display()))
            .caused_by(error)
            .hint("gitlab-runner's user must be able to write in its own TMPDIR")
    })
}

/// Tells gitlab-runner the script's exit code. Without it the job still fails, as with code 1; half
/// a code would make it a system failure, so what can't be written whole is removed.
pub(super) fn report(job: &JobContext, code: i32, log: JobLog) {
    let Some(path) = &job.exit_code_file else { return };
    if let Err(error) = fs::write(path, format!("{code}\n")) {
        let _ = fs::remove_file(path);
        log.warning(format!(
            "GitLab will show exit code 1 instead of {code}: cannot write {}: {error}",
            path.display()
        ));
    }
}

//! Programs that are installed beside this one.

use std::path::PathBuf;

use job::{Failure, Result};

/// The agent's program, without a machine in its name.
pub(crate) const AGENT: &str = "swarm-executor-agent";

/// Where the program called `name` is, if it is installed.
pub(crate) fn beside(name: &str) -> Result<PathBuf> {
    let this = std::env::current_exe().map_err(|error| {
        Failure::system("cannot tell where this program is installed")
            .caused_by(error)
            .hint("let gitlab-runner's user read /proc")
    })?;
    Ok(this.with_file_name(name))
}

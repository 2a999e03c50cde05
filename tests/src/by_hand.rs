//! Cleanup called by hand, with as little to go by as a test wants.

use std::path::Path;
use std::process::{Command, Output};

use job::{Failure, Result};

use crate::program;

/// Cleanup called by hand, with this and nothing else in its environment.
#[derive(Debug)]
pub struct ByHand {
    command: Command,
}

impl ByHand {
    /// With these arguments, in a directory that is no job's.
    pub fn new(arguments: &[&str]) -> Self {
        let mut command = Command::new(program("swarm-executor-cleanup"));
        command.args(arguments).env_clear().current_dir("/");
        Self { command }
    }

    /// In gitlab-runner's directory of the attempt.
    #[must_use]
    pub fn from(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// With the job response.
    #[must_use]
    pub fn with_response(self, path: &Path) -> Self {
        self.with("JOB_RESPONSE_FILE", &path.to_string_lossy())
    }

    /// With a variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Its exit code and what it says to the operator.
    ///
    /// # Errors
    /// It can't be started.
    pub fn run(mut self) -> Result<(Option<i32>, String)> {
        let Output { status, stderr, .. } = self
            .command
            .output()
            .map_err(|error| Failure::system("cannot start cleanup").caused_by(error))?;
        Ok((status.code(), String::from_utf8_lossy(&stderr).into_owned()))
    }
}

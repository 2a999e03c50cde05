//! What config tells the runner.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::outcome::{JobError, Status};
use crate::{Runner, Shell};

/// What config prints (<https://docs.gitlab.com/runner/executors/custom/#config>).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Config {
    pub(crate) hostname: Option<String>,
    pub(crate) builds_dir: Option<PathBuf>,
    pub(crate) cache_dir: Option<PathBuf>,
    pub(crate) builds_dir_is_shared: Option<bool>,
    driver: Option<Driver>,
    pub(crate) job_env: Option<BTreeMap<String, String>>,
    shell: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Driver {
    name: Option<String>,
    version: Option<String>,
}

impl Config {
    /// Reads all that config printed; nothing is fine.
    pub(crate) fn parse(stdout: &[u8]) -> Result<Self, JobError> {
        if stdout.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_slice(stdout).map_err(|error| {
            let message = format!("error while parsing JSON output: {error}");
            JobError::new(Status::SystemFailure, message)
        })
    }

    /// How the job log greets the driver.
    pub(crate) fn startup_message(&self) -> String {
        let driver = self.driver.as_ref();
        let name = driver.and_then(|driver| driver.name.as_deref());
        let version = driver.and_then(|driver| driver.version.as_deref());
        match (name, version) {
            (None, _) => "Using Custom executor...".to_owned(),
            (Some(name), None) => format!("Using Custom executor with driver {name}..."),
            (Some(name), Some(version)) => {
                format!("Using Custom executor with driver {name} {version}...")
            }
        }
    }

    /// The shell to write for. One that config names counts from 15.10 on.
    pub(crate) fn shell(&self, runner: &Runner) -> Shell {
        match self.shell.as_deref() {
            Some("sh") if runner.protocol.is_modern() => Shell::Sh,
            Some("bash") if runner.protocol.is_modern() => Shell::Bash,
            _ => runner.shell,
        }
    }
}

//! Stage config: tells gitlab-runner where the job's files go and who does the work.
//!
//! Its stdout is one JSON object and nothing else: gitlab-runner parses the whole of it
//! (<https://docs.gitlab.com/runner/executors/custom/#config>).

use std::io::{self, Write};
use std::path::PathBuf;

use job::{Ending, Failure, JobContext, Result};
use serde::Serialize;

use crate::placement::Directories;
use crate::stage::Stage;

/// What gitlab-runner reads: its `ConfigExecOutput` (`executors/custom/api/config.go`).
#[derive(Debug, Serialize)]
struct ConfigOutput {
    builds_dir: PathBuf,
    cache_dir: PathBuf,
    builds_dir_is_shared: bool,
    hostname: String,
    driver: Driver,
    shell: &'static str,
}

#[derive(Debug, Serialize)]
struct Driver {
    name: &'static str,
    version: &'static str,
}

/// Prints the job's configuration.
pub(crate) fn run(stage: &Stage<'_>) -> Result<Ending> {
    let job = JobContext::read(stage.environment)?;
    let output = output(stage, &job)?;
    print(&output).map_err(|error| {
        Failure::system("cannot answer gitlab-runner on stdout")
            .caused_by(error)
            .hint("gitlab-runner has ended: look at its own log")
    })?;
    Ok(Ending::Success)
}

fn output(stage: &Stage<'_>, job: &JobContext) -> Result<ConfigOutput> {
    let directories = Directories::new(&stage.profile, &job.key, stage.environment)?;
    Ok(ConfigOutput {
        builds_dir: directories.builds,
        cache_dir: directories.cache,
        builds_dir_is_shared: directories.shared,
        hostname: hostname(),
        driver: Driver { name: "swarm-executor", version: env!("CARGO_PKG_VERSION") },
        shell: stage.profile.shell.name(),
    })
}

fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn print(output: &ConfigOutput) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    serde_json::to_writer(&mut stdout, output)?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

//! The four stage binaries, found beside this executable.

use std::path::{Path, PathBuf};

use job::{Failure, Result};
use play::{Exec, Runner};

use crate::arguments::Try;

const STAGES: [&str; 4] = ["config", "prepare", "run", "cleanup"];

/// A runner that calls the binaries that were installed with this one.
pub(crate) fn runner(command: &Try) -> Result<Runner> {
    let here = std::env::current_exe()
        .map_err(|error| Failure::system("cannot tell where this program is").caused_by(error))?;
    let dir = here.parent().unwrap_or(Path::new("/"));
    check(dir)?;
    let [config, prepare, run, cleanup] = STAGES.map(|stage| exec(dir, stage, command));
    let mut runner = Runner::new(run).config(config).prepare(prepare).cleanup(cleanup);
    "swarm-executor try".clone_into(&mut runner.name);
    "try".clone_into(&mut runner.token);
    Ok(runner)
}

fn check(dir: &Path) -> Result<()> {
    let missing: Vec<String> = STAGES
        .iter()
        .map(|stage| binary(dir, stage))
        .filter(|path| !path.is_file())
        .map(|path| path.display().to_string())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::system(format!("the stage binaries are not all there: no {}", missing.join(", ")))
        .hint(format!("install all of swarm-executor into {}", dir.display())))
}

fn exec(dir: &Path, stage: &str, command: &Try) -> Exec {
    let mut exec = Exec::new(binary(dir, stage));
    if let Some(settings) = &command.settings {
        let settings = std::path::absolute(settings).unwrap_or_else(|_| settings.clone());
        exec = exec.args(["--settings".into(), settings.into_os_string()]);
    }
    if let Some(profile) = &command.profile {
        exec = exec.args(["--profile", profile]);
    }
    exec
}

fn binary(dir: &Path, stage: &str) -> PathBuf {
    dir.join(format!("swarm-executor-{stage}"))
}

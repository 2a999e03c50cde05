//! The four stages that gitlab-runner calls: config, prepare, run, cleanup.
//!
//! Each binary's `main` is one call of a function here. A stage reads its environment and settings
//! once, acts, and returns how it ended; [`job::FailureCodes`] turns that into the exit code.

mod placement;
mod state;

mod access;
mod arguments;
mod cleanup;
mod config;
mod diagnostics;
mod hardening;
mod installed;
mod job_log;
mod prepare;
mod run;
mod runtime;
mod secrets;
mod stage;

use std::process::ExitCode;

use arguments::{RunArguments, StageArguments};
use job_log::JobLog;
use stage::Stage;

/// `swarm-executor-config`: prints the job's configuration as JSON.
pub fn config() -> ExitCode {
    stage::main(JobLog::Stderr, |environment, arguments: StageArguments| {
        config::run(&Stage::open(environment, arguments, JobLog::Stderr)?)
    })
}

/// `swarm-executor-prepare`: credentials, checks, the place where the script will run.
pub fn prepare() -> ExitCode {
    stage::main(JobLog::Stdout, |environment, arguments: StageArguments| {
        prepare::run(&Stage::open(environment, arguments, JobLog::Stdout)?)
    })
}

/// `swarm-executor-run SCRIPT STAGE`: runs one stage's script and hosts the gateway.
pub fn run() -> ExitCode {
    stage::main(JobLog::Stdout, |environment, arguments: RunArguments| {
        let stage = Stage::open(environment, arguments.stage, JobLog::Stdout)?;
        run::run(&stage, &arguments.script, &arguments.stage_name)
    })
}

/// `swarm-executor-cleanup`: wipes the certificates, then removes what the job left.
pub fn cleanup() -> ExitCode {
    cleanup::main()
}

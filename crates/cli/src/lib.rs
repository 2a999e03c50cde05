//! The command for people: try a job here and now.
//!
//! This crate owns the command line, the reading of `.gitlab-ci.yml`, and what a person sees. How
//! gitlab-runner behaves is the business of [`play`]; how a stage works, of the four stage
//! binaries, which are found beside this executable and spawned by path.

mod arguments;
mod checkout;
mod drivers;
mod pipeline;
mod terminal;
mod trying;

use std::process::ExitCode;

use clap::Parser as _;
use job::{Blame, Failure, ProcessEnvironment};

use crate::arguments::{Arguments, Command};
use crate::terminal::Terminal;

/// The whole life of `swarm-executor`.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let terminal = Terminal::default();
    let result = match arguments.command {
        Command::Try(command) => trying::run(&command, &ProcessEnvironment, &terminal),
    };
    match result {
        Ok(ending) => ending.into(),
        Err(failure) => {
            terminal.failure(&failure);
            Ending::of(&failure).into()
        }
    }
}

/// What the exit code says: 0 success, 1 the job's own failure, 2 the system's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Success,
    JobFailed,
    SystemFailed,
}

impl Ending {
    fn of(failure: &Failure) -> Self {
        match failure.blame() {
            Blame::Job => Self::JobFailed,
            Blame::System => Self::SystemFailed,
        }
    }
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(match ending {
            Ending::Success => 0,
            Ending::JobFailed => 1,
            Ending::SystemFailed => 2,
        })
    }
}

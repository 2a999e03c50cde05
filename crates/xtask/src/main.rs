//! What a person repeats: `cargo xtask demo`, `test` and `bench`.
//!
//! Each sets up all that it needs on a Debian machine with Rust: packages, binaries, a swarm of
//! real engines in network namespaces of their own. None touches an engine that already runs.

mod bench;
mod cargo;
mod demo;
mod machine;
mod test;

use std::process::ExitCode;

use clap::Parser;
use job::{Failure, Result};

/// Chores of this repository
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Shows the deploy job of examples/whoami on a swarm of three real engines, in both placements
    Demo,
    /// Runs every test: those of the crates, then whole jobs on a swarm of real engines
    Test(test::Arguments),
    /// Measures what swarm-executor costs, beside the least that could do the same
    Bench(bench::Arguments),
}

fn main() -> ExitCode {
    match run(&Task::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&failure.render());
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task) -> Result<()> {
    machine::become_ready()?;
    match task {
        Task::Demo => block_on(demo::run()),
        Task::Test(arguments) => block_on(test::run(arguments)),
        Task::Bench(arguments) => block_on(bench::run(arguments)),
    }
}

fn block_on(task: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Runtime::new()
        .map_err(|error| Failure::system("cannot start a runtime").caused_by(error))?
        .block_on(task)
}

/// Tells the person at the terminal what happens now.
#[expect(clippy::print_stderr, reason = "the one place where a chore speaks")]
fn say(text: &str) {
    eprintln!("xtask: {text}");
}

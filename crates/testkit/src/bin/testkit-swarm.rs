//! Runs a swarm of three, and an engine in no swarm, for as long as its stdin is open, or until
//! Ctrl-C: something for tests to attach to, one by one, and for people to look at.
//!
//! Prints the shell line that makes tests attach, when everything is ready.

use std::process::ExitCode;

use job::{Failure, Result};
use testkit::images;
use testkit::nodes::{Swarm, SwarmOptions, VARIABLE};
use tokio::io::{sink, stdin};
use tokio::runtime::Runtime;

#[expect(clippy::print_stderr, reason = "this is the program's edge")]
fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", failure.render());
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let runtime = Runtime::new()
        .map_err(|error| Failure::system("cannot start a runtime").caused_by(error))?;
    let served = runtime.block_on(serve());
    // A read of stdin can't be cancelled, and would be waited for.
    runtime.shutdown_background();
    served
}

#[expect(clippy::print_stdout, reason = "the line is what the program is run for")]
async fn serve() -> Result<()> {
    let options = SwarmOptions { lone_engines: 1, ..SwarmOptions::default() };
    let swarm = Swarm::start(options).await?;
    swarm.load(&images::all().await?).await?;
    swarm.manager().docker(&["network", "create", "--driver", "overlay", "flix"]).await?;
    println!("export {VARIABLE}={}", swarm.description().display());
    let closed = tokio::select! {
        closed = end_of_input() => closed,
        interrupted = tokio::signal::ctrl_c() => interrupted,
    };
    closed.map_err(|error| Failure::system("cannot wait for the end").caused_by(error))?;
    swarm.stop().await
}

async fn end_of_input() -> std::io::Result<()> {
    tokio::io::copy(&mut stdin(), &mut sink()).await.map(drop)
}

//! `swarm-executor-agent`: sits where a job's script runs and serves it over stdin and stdout.
//!
//! The other programs start it; its stderr stays silent unless somebody starts it by hand.

use rustix::process::{DumpableBehavior, getpid, set_child_subreaper, set_dumpable_behavior};
use std::error::Error;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use tokio::net::unix::pipe;

const BY_HAND: &str = "the other swarm-executor programs start this one, over two pipes";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Whoever started it may be gone, and stderr with it.
            let _ = writeln!(io::stderr(), "swarm-executor-agent: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    // The job's secrets pass through this memory; no core dump, no debugger but root's.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    set_child_subreaper(Some(getpid()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stream = stdio().map_err(|error| format!("{BY_HAND}: {error}"))?;
        Ok(agent::serve(stream).await?)
    })
}

fn stdio() -> io::Result<impl agent::Duplex> {
    let input = pipe::Receiver::from_owned_fd(io::stdin().as_fd().try_clone_to_owned()?)?;
    let output = pipe::Sender::from_owned_fd(io::stdout().as_fd().try_clone_to_owned()?)?;
    Ok(tokio::io::join(input, output))
}

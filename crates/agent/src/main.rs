//! `swarm-executor-agent`: sits where a job's script runs and serves it over stdin and stdout.
//!
//! - With one argument or none, which says nothing to it: one script, as a child process.
//! - `serve NAME`: one script after the other, as a container's first process; see
//!   [`agent::container`].
//! - `bridge NAME`: connects stdin and stdout to the agent that serves in the same container.
//!
//! The other programs start it; its stderr stays silent unless somebody starts it by hand. Linked
//! statically, for any container, it is made by
//! `cargo rustc -p agent --bin swarm-executor-agent --release -- -C target-feature=+crt-static`.

use agent::{container, host};
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
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(|argument| argument.to_str()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stream = stdio().map_err(|error| format!("{BY_HAND}: {error}"))?;
        if let [Some("bridge"), Some(name)] = arguments[..] {
            return Ok(container::bridge(stream, name).await?);
        }
        set_child_subreaper(Some(getpid()))?;
        match arguments[..] {
            [Some("serve"), Some(name)] => container::serve(stream, name).await?,
            _ => agent::serve(stream).await?,
        }
        Ok(())
    })
}

fn stdio() -> io::Result<impl agent::Duplex> {
    let input = pipe::Receiver::from_owned_fd(io::stdin().as_fd().try_clone_to_owned()?)?;
    let output = pipe::Sender::from_owned_fd(io::stdout().as_fd().try_clone_to_owned()?)?;
    host::widen(&output);
    Ok(tokio::io::join(input, output))
}

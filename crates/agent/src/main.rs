//! `swarm-executor-agent`: sits where a job's script runs and serves it over stdin and stdout.
//!
//! - With one argument or none, which says nothing to it: one script, as a child process.
//! - `serve NAME`: one script after the other, as a container's first process; see
//!   [`agent::container`].
//! - `bridge NAME`: connects stdin and stdout to the agent that serves in the same container.
//! - `probe SECONDS HOST:PORT…`: waits for services; see [`agent::probe`]. It prints a line for
//!   each, `ready HOST:PORT` as soon as it answers, `unready HOST:PORT REASON` when the time is
//!   over, and exits with 0 if all have answered. It is run as a script is.
//!
//! The other programs start it; its stderr stays silent unless somebody starts it by hand. Linked
//! statically, for any container, it is made by
//! `cargo rustc -p agent --bin swarm-executor-agent --release -- -C target-feature=+crt-static`.

use agent::container;
use agent::probe::probe;
use futures::StreamExt;
use rustix::process::{DumpableBehavior, getpid, set_child_subreaper, set_dumpable_behavior};
use std::error::Error;
use std::io::{self, Write};
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

const BY_HAND: &str = "the other swarm-executor programs start this one, over two pipes";

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        // Whoever started it may be gone, and stderr with it.
        let _ = writeln!(io::stderr(), "swarm-executor-agent: {error}");
        ExitCode::FAILURE
    })
}

fn run() -> Result<ExitCode, Box<dyn Error>> {
    // The job's secrets pass through this memory; no core dump, no debugger but root's.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(|argument| argument.to_str()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(perform(&arguments));
    // A name may still be looked up.
    runtime.shutdown_background();
    done
}

async fn perform(arguments: &[Option<&str>]) -> Result<ExitCode, Box<dyn Error>> {
    match arguments {
        [Some("probe"), Some(seconds), targets @ ..] => return all_answer(seconds, targets).await,
        [Some("bridge"), Some(name)] => container::bridge(stdio()?, name).await?,
        [Some("serve"), Some(name)] => container::serve(adopting(stdio()?)?, name).await?,
        _ => agent::serve(adopting(stdio()?)?).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Passes `stream` on, and makes this process the parent of all that its descendants leave.
fn adopting<D>(stream: D) -> io::Result<D> {
    set_child_subreaper(Some(getpid()))?;
    Ok(stream)
}

fn stdio() -> Result<impl agent::Duplex, String> {
    agent::stdio::open().map_err(|error| format!("{BY_HAND}: {error}"))
}

/// Waits for services, and says of each how it went.
async fn all_answer(seconds: &str, targets: &[Option<&str>]) -> Result<ExitCode, Box<dyn Error>> {
    let patience = seconds.parse().map_err(|_| format!("no number of seconds: {seconds}"))?;
    let targets = targets.iter().map(|target| target.unwrap_or_default().to_owned()).collect();
    let mut probing = pin!(probe(targets, Duration::from_secs(patience)));
    let mut code = ExitCode::SUCCESS;
    while let Some((target, answered)) = probing.next().await {
        match answered {
            Ok(()) => writeln!(io::stdout(), "ready {target}")?,
            Err(error) => {
                writeln!(io::stdout(), "unready {target} {error}")?;
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

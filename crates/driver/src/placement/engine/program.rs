//! The agent's program for an engine's containers, installed beside this program.
//!
//! Engines on machines of another kind than the runner machine get one with that machine's name in
//! its own: `swarm-executor-agent-aarch64`.

use std::path::Path;

use docker::containers::AgentProgram;
use job::{Failure, Result};

use crate::installed::{self, AGENT};

/// The agent for engines on such a machine, in the words of `uname -m`.
pub(super) fn for_machine(machine: &str) -> Result<AgentProgram> {
    let own = installed::beside(&format!("{AGENT}-{machine}"))?;
    let plain = installed::beside(AGENT)?;
    let path = if own.exists() { &own } else { &plain };
    suited(AgentProgram::read(path)?, machine, path)
}

/// An engine may start a program for another machine, which then ends at once and says nothing.
fn suited(program: AgentProgram, machine: &str, path: &Path) -> Result<AgentProgram> {
    if program.architecture() == architecture(machine) {
        return Ok(program);
    }
    let message = format!(
        "the agent {} is for {} machines, and the engine's is {machine}",
        path.display(),
        program.architecture()
    );
    Err(Failure::system(message)
        .hint(format!("install the agent for it as {AGENT}-{machine} beside the other programs")))
}

/// A machine in the words of images (<https://go.dev/doc/install/source#environment>).
fn architecture(machine: &str) -> &str {
    match machine {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "armv7l" | "armv6l" => "arm",
        "i686" | "i386" => "386",
        other => other,
    }
}

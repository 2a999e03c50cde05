//! Credentials from a command on the runner machine: the seam for any secret store.
//!
//! The command prints one JSON object, `{"ca": "…", "cert": "…", "key": "…"}`; other keys are left
//! unread. It inherits this process's environment, `JOB_RESPONSE_FILE` with it, and so can tell
//! which job asks. No shell is involved.
//!
//! Nothing that it writes reaches the job log, which every member of the project can read: a wrapper
//! with `set -x` or a client that names a URL with its token would tell a secret there. Its standard
//! error is the operator's to read, in the diagnostics; its output is shown to nobody.

mod attended;

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use humantime::format_duration;
use job::{Failure, Result};
use serde::Deserialize;
use tokio::process::{self, Child};
use zeroize::Zeroizing;

use self::attended::{Ended, attend};
use super::{Credentials, Origin, Part};
use crate::pem::Flaw;

/// Where to look when the command does not do its work.
const BY_HAND: &str = "run it by hand as gitlab-runner's user; what it wrote to stderr is in the operator's diagnostics";

/// A program with its arguments, and how long it may take.
#[derive(Clone, Debug)]
pub struct Command {
    /// The program, looked up in `PATH` unless it holds a slash.
    pub program: String,
    /// Its arguments. Seen by every user of the machine, so they are no place for secrets.
    pub arguments: Vec<String>,
    /// Added to the environment that it inherits.
    pub environment: Vec<(String, String)>,
    /// Longest time that it may take.
    pub timeout: Duration,
}

#[derive(Deserialize)]
struct Printed {
    ca: Option<Zeroizing<String>>,
    cert: Option<Zeroizing<String>>,
    key: Option<Zeroizing<String>>,
}

impl Credentials {
    /// Runs the command and reads what it prints.
    ///
    /// # Errors
    /// The system's: it cannot be started, takes too long, fails, or prints something else.
    pub async fn from_command(command: &Command) -> Result<Self> {
        let printed = command.run().await?;
        let Printed { ca, cert, key } = command.parse(&printed)?;
        let origin = Origin::Command(command.program.clone());
        Self::read(origin, |part| {
            let text = match part {
                Part::Ca => &ca,
                Part::Certificate => &cert,
                Part::Key => &key,
            };
            text.as_ref().map(|text| text.as_bytes()).ok_or(Flaw::Missing)
        })
    }
}

impl Command {
    async fn run(&self) -> Result<Zeroizing<Vec<u8>>> {
        let child = self.start().map_err(|error| self.not_started(error))?;
        let Ended { status, stdout, stderr } = attend(child, self.timeout)
            .await
            .map_err(|error| self.failure("was lost").caused_by(error).hint(BY_HAND))?;
        self.tell_operator(&stderr);
        match status {
            Some(status) if status.success() => Ok(stdout),
            Some(status) => Err(self.failed(status)),
            None => Err(self.too_slow()),
        }
    }

    fn start(&self) -> io::Result<Child> {
        process::Command::new(&self.program)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }

    fn tell_operator(&self, stderr: &[u8]) {
        let stderr = String::from_utf8_lossy(stderr);
        let stderr = stderr.trim();
        if !stderr.is_empty() {
            tracing::warn!(command = self.program, stderr, "what the credentials command says");
        }
    }

    fn not_started(&self, error: io::Error) -> Failure {
        self.failure("cannot be started")
            .caused_by(error)
            .hint("name a program in the profile's `command` that gitlab-runner's user may execute")
    }

    fn failed(&self, status: ExitStatus) -> Failure {
        self.failure(&format!("failed ({status})")).hint(BY_HAND)
    }

    fn too_slow(&self) -> Failure {
        self.failure(&format!("took longer than {}", format_duration(self.timeout)))
            .hint(BY_HAND)
            .hint("if it needs more time, raise command_timeout in the profile's credentials")
    }

    /// Errors of the parser quote the text, so only the place is told.
    fn parse(&self, printed: &[u8]) -> Result<Printed> {
        serde_json::from_slice(printed).map_err(|error| {
            self.failure(&format!(
                "does not print what is expected (line {}, column {})",
                error.line(),
                error.column()
            ))
            .hint(r#"it must print one JSON object: {"ca": "…", "cert": "…", "key": "…"}"#)
        })
    }

    fn failure(&self, what: &str) -> Failure {
        Failure::system(format!("the credentials command {} {what}", self.program))
    }
}

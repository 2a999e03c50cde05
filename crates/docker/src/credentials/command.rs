//! Credentials from a command on the runner machine: the seam for any secret store.
//!
//! The command prints one JSON object, `{"ca": "…", "cert": "…", "key": "…"}`; other keys are left
//! unread. It inherits this process's environment, `JOB_RESPONSE_FILE` with it, and so can tell
//! which job asks. No shell is involved. What it prints is never shown, not even in part; of its
//! standard error the last line is.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use humantime::format_duration;
use job::{Failure, Result};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process;
use zeroize::Zeroizing;

use super::{Credentials, Origin, Part};
use crate::pem::Flaw;

/// Longest output read, in bytes.
const LONGEST: usize = 256 * 1024;

/// Most of standard error that is shown, in characters.
const LAST_LINE: usize = 300;

/// A program with its arguments, and how long it may take.
#[derive(Clone, Debug)]
pub struct Command {
    /// The program, looked up in `PATH` unless it holds a slash.
    pub program: String,
    /// Its arguments. Seen by every user of the machine, so they are no place for secrets.
    pub arguments: Vec<String>,
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
        let mut child = process::Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| self.not_started(error))?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let ended = async { tokio::join!(read(stdout), read(stderr), child.wait()) };
        let (stdout, stderr, status) =
            tokio::time::timeout(self.timeout, ended).await.map_err(|_| {
                self.failure(&format!("took longer than {}", format_duration(self.timeout)))
                    .hint("run it by hand as gitlab-runner's user, or raise command_timeout")
            })?;
        let status = status.map_err(|error| self.failure("was lost").caused_by(error))?;
        if status.success() { Ok(stdout) } else { Err(self.failed(status, &stderr)) }
    }

    fn not_started(&self, error: io::Error) -> Failure {
        self.failure("cannot be started")
            .caused_by(error)
            .hint("name a program in the profile's `command` that gitlab-runner's user may execute")
    }

    fn failed(&self, status: ExitStatus, stderr: &[u8]) -> Failure {
        let failure = self
            .failure(&format!("failed ({status})"))
            .hint("run it by hand as gitlab-runner's user");
        match last_line(stderr) {
            Some(line) => failure.caused_by(line),
            None => failure,
        }
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

async fn read(pipe: Option<impl AsyncRead + Unpin>) -> Zeroizing<Vec<u8>> {
    // Sized beforehand, so that no copy is left behind in growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST));
    if let Some(pipe) = pipe {
        // What could be read before an error says more than the error.
        let _ = pipe.take(LONGEST as u64 - 1).read_to_end(&mut bytes).await;
    }
    bytes
}

fn last_line(stderr: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    Some(line.chars().filter(|c| !c.is_control()).take(LAST_LINE).collect())
}

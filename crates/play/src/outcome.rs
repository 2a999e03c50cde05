//! What became of a job, and what happened on the way.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::Exit;
use crate::cancel::End;

/// How gitlab-runner would report a job to GitLab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Every stage succeeded.
    Success,
    /// A stage exited with the build failure code and left the script's own code in
    /// `BUILD_EXIT_CODE_FILE`.
    ScriptFailure(i32),
    /// A stage exited with the build failure code and left no other.
    BuildFailure,
    /// A stage exited with the system failure code, could not be started, or gave a config that
    /// cannot be used.
    SystemFailure,
    /// A stage ended in a way the protocol has no name for: another exit code, or a signal.
    Unknown,
    /// Somebody cancelled the job before it was through.
    Cancelled,
    /// The job took longer than it may.
    TimedOut,
}

/// The end of a played job.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What GitLab would show.
    pub status: Status,
    /// Why it isn't a success, in gitlab-runner's words.
    pub reason: Option<String>,
    /// The job log, masked, as GitLab would show it.
    pub log: Vec<u8>,
    /// Every process that was started, in the order of their ends.
    pub stages: Vec<StageRecord>,
    /// What cleanup wrote, which goes to gitlab-runner's own log and never to the job's.
    pub cleanup_log: Vec<u8>,
}

/// One process that was run.
#[derive(Clone, Debug)]
pub struct StageRecord {
    /// `config`, `prepare`, `cleanup`, or the second argument that run was given.
    pub stage: String,
    /// Which executor it belonged to: 1, and more after a failed prepare.
    pub attempt: u32,
    /// How it ended.
    pub exit: Exit,
    /// From its start to its end.
    pub took: Duration,
}

/// A process that has been started.
#[derive(Clone, Debug)]
pub struct Process {
    /// As in [`StageRecord::stage`].
    pub stage: String,
    /// As in [`StageRecord::attempt`].
    pub attempt: u32,
    /// Its id, and that of its process group.
    pub pid: u32,
    /// Its working directory and `TMPDIR`.
    pub dir: PathBuf,
    /// The script it was given, for run.
    pub script: Option<PathBuf>,
}

/// What happens while a job is played.
#[derive(Clone, Debug)]
pub enum Event {
    /// A piece of the job log, masked.
    Log(Vec<u8>),
    /// A stage's process has been started.
    Started(Process),
    /// A stage's process has ended.
    Ended(StageRecord),
}

impl Process {
    /// Signals this process alone; that it is gone already is no error.
    pub fn signal(&self, signal: Signal) -> nix::Result<()> {
        unless_gone(kill(self.id(), signal))
    }

    /// Signals its process group; that it is gone already is no error.
    pub fn signal_group(&self, signal: Signal) -> nix::Result<()> {
        unless_gone(killpg(self.id(), signal))
    }

    fn id(&self) -> Pid {
        Pid::from_raw(self.pid.cast_signed())
    }
}

fn unless_gone(result: nix::Result<()>) -> nix::Result<()> {
    match result {
        Err(Errno::ESRCH) => Ok(()),
        other => other,
    }
}

impl Outcome {
    /// Whether every stage succeeded.
    pub fn is_success(&self) -> bool {
        self.status == Status::Success
    }

    /// The job log as text.
    pub fn log_text(&self) -> String {
        String::from_utf8_lossy(&self.log).into_owned()
    }

    /// The names of all stages that were run, in order.
    pub fn stage_names(&self) -> Vec<&str> {
        self.stages.iter().map(|record| record.stage.as_str()).collect()
    }

    /// The last run of the stage called `name`.
    pub fn stage(&self, name: &str) -> Option<&StageRecord> {
        self.stages.iter().rev().find(|record| record.stage == name)
    }
}

/// An error as gitlab-runner carries it: its text, and what kind it is under all wrapping.
#[derive(Clone, Debug)]
pub(crate) struct JobError {
    pub(crate) status: Status,
    pub(crate) message: String,
}

impl JobError {
    pub(crate) fn new(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(crate) fn ended(end: End, timeout: Duration) -> Self {
        match end {
            End::Cancelled => Self::new(Status::Cancelled, "canceled"),
            End::TimedOut => {
                let seconds = timeout.as_secs();
                let message = format!("execution took longer than {seconds} seconds");
                Self::new(Status::TimedOut, message)
            }
        }
    }

    /// A build failure is final; anything else gitlab-runner may try again.
    pub(crate) fn is_final(&self) -> bool {
        !matches!(self.status, Status::SystemFailure | Status::Unknown)
    }

    pub(crate) fn wrapped(self, wrap: impl FnOnce(String) -> String) -> Self {
        Self { status: self.status, message: wrap(self.message) }
    }

    /// The last line of the job log.
    pub(crate) fn verdict(&self) -> String {
        let kind = if self.is_final() { "" } else { " (system failure)" };
        format!("Job failed{kind}: {}", self.message)
    }

    /// What `CI_JOB_STATUS` says afterwards.
    pub(crate) fn job_status(&self) -> &'static str {
        match self.status {
            Status::Success => "success",
            Status::Cancelled => "canceled",
            Status::TimedOut => "timedout",
            Status::ScriptFailure(_)
            | Status::BuildFailure
            | Status::SystemFailure
            | Status::Unknown => "failed",
        }
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

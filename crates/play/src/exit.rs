//! How a process ended, in the words of Go's `os/exec`, which the job log shows.

use std::fmt;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use nix::sys::signal::Signal;

/// The end of one stage's process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
    /// It never ran; why.
    NotStarted(String),
    /// It survived SIGKILL, or what it left behind kept its output open.
    Dormant(u32),
}

impl Exit {
    /// The exit code as Go gives it: -1 for a death by signal.
    pub(crate) fn code(&self) -> i32 {
        match self {
            Self::Code(code) => *code,
            Self::Signal(_) | Self::NotStarted(_) | Self::Dormant(_) => -1,
        }
    }

    /// Whether it exited with 0.
    pub fn is_success(&self) -> bool {
        *self == Self::Code(0)
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit status {code}"),
            Self::Signal(signal) => write!(f, "signal: {}", signal_words(*signal)),
            Self::NotStarted(why) => write!(f, "failed to start command: {why}"),
            Self::Dormant(pid) => {
                write!(f, "failed to kill process PID={pid}, likely process is dormant")
            }
        }
    }
}

/// <https://pkg.go.dev/syscall#Signal.String>, for the signals that a stage meets.
fn signal_words(signal: i32) -> String {
    let words = match Signal::try_from(signal) {
        Ok(Signal::SIGHUP) => "hangup",
        Ok(Signal::SIGINT) => "interrupt",
        Ok(Signal::SIGQUIT) => "quit",
        Ok(Signal::SIGABRT) => "aborted",
        Ok(Signal::SIGKILL) => "killed",
        Ok(Signal::SIGSEGV) => "segmentation fault",
        Ok(Signal::SIGPIPE) => "broken pipe",
        Ok(Signal::SIGTERM) => "terminated",
        _ => return format!("signal {signal}"),
    };
    words.to_owned()
}

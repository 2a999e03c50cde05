//! What the two sides say to each other on the control stream.
//!
//! The messages are private to one release: [`greeting`](crate::greeting) makes sure that both
//! sides come from releases that speak alike.

use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What to start, and where. The script itself is not in here: it goes in by the shell's stdin.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Start {
    /// The shell and its arguments, such as `["bash"]`; searched on the `PATH` in `environment`.
    /// With `shells`: what comes before the shell, such as an image's entrypoint, or nothing.
    pub command: Vec<OsString>,
    /// Shells to choose from: the first that is on the `PATH` becomes the last of the command.
    /// None: the command is complete.
    pub shells: Vec<OsString>,
    /// The environment; of two values for one name the later counts.
    pub environment: Vec<(OsString, OsString)>,
    /// Whether the agent's own environment, such as an image's, lies under the one given.
    pub inherit: bool,
    /// The working directory; it has to exist.
    #[serde(with = "os_path")]
    pub directory: PathBuf,
    /// Which permissions new files of the script don't have
    /// (<https://man7.org/linux/man-pages/man2/umask.2.html>). None: the agent's own umask.
    pub umask: Option<u32>,
    /// Where to listen for the job's Docker clients, at most 256.
    pub sockets: Vec<Socket>,
    /// Files to write before anything is started. They stay.
    pub files: Vec<PrivateFile>,
}

/// Where the job's Docker clients connect to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Socket {
    /// A unix socket for its owner only. Its directory has to exist and be closed to everybody
    /// else (mode 0700).
    Private(#[serde(with = "os_path")] PathBuf),
    /// A unix socket for every user, for a container, in which every process is the job's, also
    /// those to which an image gives another user. Directories that are missing are made, with
    /// mode 0755.
    Shared(#[serde(with = "os_path")] PathBuf),
    /// A TCP socket, which every process in the network namespace can reach.
    Tcp(SocketAddr),
}

/// A small file for the script's user only (mode 0600).
#[derive(Clone, Serialize, Deserialize)]
pub struct PrivateFile {
    /// Where it is to be. What is there is replaced; directories that are missing are made, with
    /// mode 0700.
    #[serde(with = "os_path")]
    pub path: PathBuf,
    /// What it contains, which may be a secret.
    pub contents: Vec<u8>,
}

impl fmt::Debug for PrivateFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateFile").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Shows the names of the variables only: values may be secrets.
impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.environment.iter().map(|(name, _)| name).collect();
        f.debug_struct("Start")
            .field("command", &self.command)
            .field("shells", &self.shells)
            .field("environment", &names)
            .field("inherit", &self.inherit)
            .field("directory", &self.directory)
            .field("umask", &self.umask)
            .field("sockets", &self.sockets)
            .field("files", &self.files)
            .finish()
    }
}

/// How the shell ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// It was killed by this signal.
    Signal(i32),
    /// It, or the command that it waited for, was killed by the kernel, for its container was out of
    /// memory.
    OutOfMemory,
}

const KILL: i32 = rustix::process::Signal::KILL.as_raw();

impl Exit {
    /// The signal that ended the shell; a killed command counts if the shell then ended with its code,
    /// which is 128 and the signal's number
    /// (<https://www.gnu.org/software/bash/manual/bash.html#Exit-Status>).
    pub fn signal(self) -> Option<i32> {
        match self {
            Self::Signal(signal) => Some(signal),
            Self::Code(code) => (code == 128 + KILL).then_some(KILL),
            Self::OutOfMemory => Some(KILL),
        }
    }

    /// The same, known that the kernel has killed for want of memory meanwhile.
    pub(crate) fn out_of_memory(self) -> Self {
        if self.signal() == Some(KILL) { Self::OutOfMemory } else { self }
    }
}

/// From `run` to the agent.
#[derive(Serialize, Deserialize)]
pub(crate) enum ToAgent {
    /// Start the shell as soon as `script_size` bytes have come on the shell stream.
    Start { start: Start, script_size: u64 },
    /// End all processes: SIGTERM now, SIGKILL after `grace`. A later one can only hurry.
    Stop { grace: Duration },
    /// `run` has dropped this docker connection.
    HungUp(u32),
}

/// From the agent to `run`.
#[derive(Serialize, Deserialize)]
pub(crate) enum ToRun {
    /// The shell runs, with this process id at its place.
    Started { pid: u32 },
    /// The shell can't be started.
    Refused { reason: String },
    /// The agent has dropped this docker connection.
    HungUp(u32),
    /// The shell has ended, all its descendants too, and all output is on the shell stream.
    Exited(Exit),
}

/// A path as its bytes: serde's own form refuses paths that are not UTF-8.
mod os_path {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::ffi::OsString;
    use std::path::{Path, PathBuf};

    pub(super) fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
        path.as_os_str().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
        OsString::deserialize(from).map(PathBuf::from)
    }
}

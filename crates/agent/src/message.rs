//! What the two sides say to each other on the control stream.
//!
//! The messages are private to one release: [`greeting`](crate::greeting) makes sure that both
//! sides come from releases that speak alike.

use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// What to start, and where. The script itself is not in here: it goes in by the shell's stdin.
#[derive(Clone, Serialize, Deserialize)]
pub struct Start {
    /// The shell and its arguments, such as `["bash"]`; searched on the `PATH` in `environment`.
    pub command: Vec<OsString>,
    /// The whole environment: nothing is inherited.
    pub environment: Vec<(OsString, OsString)>,
    /// The working directory; it has to exist.
    #[serde(with = "os_path")]
    pub directory: PathBuf,
    /// Unix sockets to listen on for the job's Docker clients. Each one's directory has to exist
    /// and be closed to everybody else (mode 0700).
    #[serde(with = "os_paths")]
    pub sockets: Vec<PathBuf>,
}

/// Shows the names of the variables only: values may be secrets.
impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.environment.iter().map(|(name, _)| name).collect();
        f.debug_struct("Start")
            .field("command", &self.command)
            .field("environment", &names)
            .field("directory", &self.directory)
            .field("sockets", &self.sockets)
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

/// Paths as their bytes.
mod os_paths {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::ffi::OsString;
    use std::path::PathBuf;

    pub(super) fn serialize<S: Serializer>(paths: &[PathBuf], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(paths.iter().map(|path| path.as_os_str()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<PathBuf>, D::Error> {
        Ok(Vec::<OsString>::deserialize(from)?.into_iter().map(PathBuf::from).collect())
    }
}

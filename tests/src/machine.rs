//! What a job left on this machine: files, sockets and processes.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use play::Job;
use procfs::process::{Process, all_processes};

/// Where the programs keep what belongs to a job; `docs/settings.md` and ARCHITECTURE.md say so.
const PLACES: [&str; 2] = ["/run/swarm-executor/jobs", "/var/lib/swarm-executor/builds"];

/// The variable, or argument, that marks a job's processes.
const MARK: &str = "SWARM_EXECUTOR_JOB";

/// What is left of a job.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Directories that belong to it, with its certificates, socket or sources.
    pub directories: Vec<PathBuf>,
    /// Unix sockets in such directories that somebody holds open, whether or not the file is there.
    pub sockets: Vec<PathBuf>,
    /// Processes that carry its mark or work in such a directory, whether or not it is there.
    pub processes: Vec<String>,
}

/// Looks for everything that belongs to `job`.
pub fn left_by(job: &Job) -> Left {
    left_by_id(job.id)
}

/// Looks for everything that belongs to the job of this id.
pub fn left_by_id(id: u64) -> Left {
    let key = Key(format!("-{id}"));
    let entries = PLACES.iter().filter_map(|place| fs::read_dir(place).ok()).flatten();
    let directories = entries.filter_map(Result::ok).map(|entry| entry.path());
    let sockets = procfs::net::unix().into_iter().flatten().filter_map(|socket| socket.path);
    let processes = all_processes().into_iter().flatten().filter_map(Result::ok);
    Left {
        directories: directories.filter(|path| key.is_end_of(path.as_os_str())).collect(),
        sockets: sockets.filter(|path| key.is_in(path)).collect(),
        processes: processes
            .filter(|process| key.marks(process))
            .map(|process| format!("{}: {}", process.pid, words(&process).join(" ")))
            .collect(),
    }
}

/// The end of a job's key, by which its directories are called and its processes marked.
struct Key(String);

impl Key {
    fn is_end_of(&self, text: &OsStr) -> bool {
        text.to_string_lossy().ends_with(&self.0)
    }

    fn is_in(&self, path: &Path) -> bool {
        PLACES.iter().any(|place| path.starts_with(place))
            && path.iter().any(|name| self.is_end_of(name))
    }

    fn marks(&self, process: &Process) -> bool {
        let environment = process.environ().unwrap_or_default();
        environment.get(OsStr::new(MARK)).is_some_and(|mark| self.is_end_of(mark))
            || words(process).iter().any(|word| word.starts_with(MARK) && word.ends_with(&self.0))
            || process.cwd().is_ok_and(|directory| self.is_in(&directory))
    }
}

fn words(process: &Process) -> Vec<String> {
    process.cmdline().unwrap_or_default()
}

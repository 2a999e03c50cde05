//! What a job left on this machine: files, sockets and processes.

use std::fs;
use std::path::PathBuf;

use play::Job;
use procfs::process::all_processes;

/// Where the programs keep what belongs to a job; `docs/settings.md` and ARCHITECTURE.md say so.
const PLACES: [&str; 2] = ["/run/swarm-executor/jobs", "/var/lib/swarm-executor/builds"];

/// What is left of a job.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Directories that belong to it, with its certificates, socket or sources.
    pub directories: Vec<PathBuf>,
    /// Processes that carry its mark.
    pub processes: Vec<String>,
}

/// Looks for everything that belongs to `job`.
pub fn left_by(job: &Job) -> Left {
    left_by_id(job.id)
}

/// Looks for everything that belongs to the job of this id.
pub fn left_by_id(id: u64) -> Left {
    let ending = format!("-{id}");
    let entries = PLACES.iter().filter_map(|place| fs::read_dir(place).ok()).flatten();
    let directories = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().ends_with(&ending));
    Left { directories: directories.collect(), processes: processes(&ending) }
}

fn processes(ending: &str) -> Vec<String> {
    let marked = |process: &procfs::process::Process| {
        let environment = process.environ().ok()?;
        let mark = environment.get(std::ffi::OsStr::new("SWARM_EXECUTOR_JOB"))?;
        mark.to_string_lossy()
            .ends_with(ending)
            .then(|| process.cmdline().unwrap_or_default().join(" "))
    };
    all_processes()
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|p| marked(&p))
        .collect()
}

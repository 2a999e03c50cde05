//! A real gitlab-runner, where this machine has one, set up for the custom executor.
//!
//! Owns the runner's settings, its process and its working directory. It refuses to install a
//! runner: a test that finds none says so and is skipped.

mod config;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use job::{Environment, Failure, ProcessEnvironment, Result};
use procfs::process::all_processes;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::Coordinator;
use crate::program;

pub use config::Executor;

/// How long a killed runner may take to be gone.
const LAST_RESORT: Duration = Duration::from_secs(10);

/// A gitlab-runner that this machine has.
#[derive(Clone, Debug)]
pub struct Real {
    program: PathBuf,
    version: String,
}

/// A running gitlab-runner. Dropped, it and all that it started are killed.
pub struct Runner {
    child: Child,
    directory: TempDir,
}

impl Real {
    /// Looks for `gitlab-runner` on the `PATH`, and asks for its version.
    ///
    /// # Errors
    ///
    /// There is one, but it doesn't tell its version.
    pub async fn on_path() -> Result<Option<Self>> {
        let path = ProcessEnvironment.get("PATH").unwrap_or_default();
        let mut candidates = std::env::split_paths(&path).map(|it| it.join("gitlab-runner"));
        let Some(program) = candidates.find(|candidate| is_executable(candidate)) else {
            return Ok(None);
        };
        let mut ask = Command::new(&program);
        ask.arg("--version");
        let told = program::run(ask).await?;
        let version = told.lines().find_map(|line| line.strip_prefix("Version:"));
        let version = version.map(|version| version.trim().to_owned()).ok_or_else(|| {
            Failure::system(format!("`{} --version` names no version", program.display()))
        })?;
        Ok(Some(Self { program, version }))
    }

    /// Its version, such as `19.4.0`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Starts it for the coordinator's jobs, up to four at a time.
    ///
    /// # Errors
    ///
    /// Its directory can't be made or the program can't be started.
    pub fn start(&self, coordinator: &Coordinator, executor: &Executor) -> Result<Runner> {
        let cannot = |error| {
            Failure::system(format!("cannot start {}", self.program.display())).caused_by(error)
        };
        let directory = TempDir::with_prefix("gitlab-runner-").map_err(cannot)?;
        let config = directory.path().join("config.toml");
        std::fs::write(&config, config::toml(coordinator, executor)?).map_err(cannot)?;
        let log = File::create(directory.path().join("runner.log")).map_err(cannot)?;
        let child = Command::new(&self.program)
            .arg("run")
            .arg("--config")
            .arg(&config)
            .arg("--working-directory")
            .arg(directory.path())
            .envs(&executor.environment)
            .env("PATH", self.path_of_jobs())
            // A killed runner leaves the directories of its jobs behind, with tokens in them.
            .env("TMPDIR", directory.path())
            .stdin(std::process::Stdio::null())
            .stdout(log.try_clone().map_err(cannot)?)
            .stderr(log)
            // A signal to the tests' group, such as Ctrl-C, must not hit it beside us.
            .process_group(0)
            .spawn()
            .map_err(cannot)?;
        Ok(Runner { child, directory })
    }

    /// The scripts that it generates call `gitlab-runner` for artifacts and caches.
    fn path_of_jobs(&self) -> OsString {
        let mut path = self.program.parent().unwrap_or(Path::new("/")).as_os_str().to_owned();
        if let Some(inherited) = ProcessEnvironment.get("PATH") {
            path.push(OsStr::new(":"));
            path.push(inherited);
        }
        path
    }
}

impl Runner {
    /// Its own log so far. What cleanup wrote to stderr is in here.
    pub fn log(&self) -> String {
        let log = std::fs::read(self.directory.path().join("runner.log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Has it finish the jobs that it runs and end (SIGQUIT); killed when it takes too long.
    ///
    /// # Errors
    ///
    /// It didn't end within `limit`, or it ended badly; the failure shows its log.
    pub async fn stop(&mut self, limit: Duration) -> Result<()> {
        self.signal(Signal::QUIT);
        let Ok(ended) = tokio::time::timeout(limit, self.child.wait()).await else {
            self.kill_all();
            return Err(self.failure(format!("gitlab-runner didn't stop within {limit:?}")));
        };
        let status = ended
            .map_err(|error| Failure::system("cannot wait for gitlab-runner").caused_by(error))?;
        if status.success() {
            Ok(())
        } else {
            Err(self.failure(format!("gitlab-runner ended with {status}")))
        }
    }

    /// Kills it alone (SIGKILL), as a crash does: what it started lives on.
    ///
    /// # Errors
    ///
    /// It is still there after ten seconds.
    pub async fn crash(&mut self) -> Result<()> {
        self.signal(Signal::KILL);
        let gone = tokio::time::timeout(LAST_RESORT, self.child.wait()).await;
        gone.map(drop).map_err(|_| self.failure("gitlab-runner survived SIGKILL".to_owned()))
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid() {
            kill(pid, signal);
        }
    }

    fn kill_all(&self) {
        // While it isn't waited for, its number can't be another's.
        let Some(pid) = self.pid() else { return };
        let family = descendants(pid);
        kill(pid, Signal::KILL);
        for child in family {
            kill(child, Signal::KILL);
        }
    }

    fn failure(&self, message: String) -> Failure {
        Failure::system(message).caused_by(format!("its log:\n{}", self.log()))
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.kill_all();
    }
}

/// Every process below `pid`: stages run in process groups of their own.
fn descendants(pid: u32) -> Vec<u32> {
    let stats: Vec<_> = all_processes()
        .into_iter()
        .flatten()
        .filter_map(|process| process.and_then(|process| process.stat()).ok())
        .collect();
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(parent) = family.get(next).and_then(|it| i32::try_from(*it).ok()) {
        let children = stats.iter().filter(|stat| stat.ppid == parent);
        family.extend(children.filter_map(|stat| u32::try_from(stat.pid).ok()));
        next += 1;
    }
    family.split_off(1)
}

fn kill(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _ = kill_process(pid, signal);
    }
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

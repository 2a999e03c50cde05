//! The state directory: what a job needs between its stages, one directory per job.
//!
//! `/run/swarm-executor`, or `$XDG_RUNTIME_DIR/swarm-executor` for another user than root. It is
//! no setting: cleanup must find it with the settings broken. Names derive from [`JobKey`], so a
//! retried prepare adopts its own work. gitlab-runner's own temporary directory is of no use here:
//! each attempt has a new one.

mod record;

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use docker::certificates_directory::is_tmpfs;
use job::{Environment, Failure, JobKey, Result};

pub(crate) use record::{HostRecord, JobRecord, PlaceRecord};

/// Where root keeps state; systemd's `RuntimeDirectory=swarm-executor` makes it for another user.
const SYSTEM_STATE: &str = "/run/swarm-executor";

/// The directory of all jobs.
#[derive(Clone, Debug)]
pub(crate) struct StateDirectory(PathBuf);

impl StateDirectory {
    /// The one to use for a new job.
    pub(crate) fn choose(environment: &dyn Environment) -> Result<Self> {
        let user = rustix::process::geteuid();
        let system = Path::new(SYSTEM_STATE);
        if user.is_root() || owner(system) == Some(user.as_raw()) {
            return Ok(Self(system.to_owned()));
        }
        let runtime = environment.non_empty("XDG_RUNTIME_DIR").map(PathBuf::from);
        runtime
            .filter(|path| path.is_absolute())
            .map(|path| Self(path.join("swarm-executor")))
            .ok_or_else(|| {
                Failure::system(format!(
                    "no place for certificates: {SYSTEM_STATE} is not this user's and \
                     XDG_RUNTIME_DIR is not set"
                ))
                .hint("add RuntimeDirectory=swarm-executor to gitlab-runner's systemd unit")
            })
    }

    /// Every one that this user's jobs can be in, for cleanup; none of them need exist.
    pub(crate) fn candidates(environment: &dyn Environment) -> Vec<Self> {
        let user = rustix::process::geteuid();
        let runtime = environment.non_empty("XDG_RUNTIME_DIR").map(PathBuf::from);
        let standard = PathBuf::from(format!("/run/user/{}", user.as_raw()));
        let of_user = runtime.into_iter().chain([standard]).map(|path| path.join("swarm-executor"));
        let mut candidates: Vec<_> =
            [PathBuf::from(SYSTEM_STATE)].into_iter().chain(of_user).collect();
        candidates.dedup();
        let is_ours = |path: &PathBuf| {
            user.is_root() || owner(path).is_none_or(|owner| owner == user.as_raw())
        };
        candidates.into_iter().filter(is_ours).map(Self).collect()
    }

    /// The directory of job `key`, which need not exist.
    pub(crate) fn job(&self, key: &JobKey) -> JobDirectory {
        JobDirectory { path: self.jobs().join(key.as_str()), key: key.clone() }
    }

    /// The directories of all jobs that are here now.
    pub(crate) fn all_jobs(&self) -> Vec<JobDirectory> {
        let Ok(entries) = std::fs::read_dir(self.jobs()) else { return Vec::new() };
        let directory = |entry: std::fs::DirEntry| {
            let key = JobKey::from_directory_name(entry.file_name().to_str()?)?;
            Some(JobDirectory { path: entry.path(), key })
        };
        entries.filter_map(io::Result::ok).filter_map(directory).collect()
    }

    fn jobs(&self) -> PathBuf {
        self.0.join("jobs")
    }
}

/// What one job keeps on the runner machine outside its build directory.
#[derive(Clone, Debug)]
pub(crate) struct JobDirectory {
    path: PathBuf,
    key: JobKey,
}

impl JobDirectory {
    /// Makes it, mode 0700; it may exist already.
    pub(crate) fn create(&self) -> Result<()> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.path);
        made.and_then(|()| std::fs::set_permissions(&self.path, Permissions::from_mode(0o700)))
            .map_err(|error| {
                Failure::system(format!("cannot make the job's directory {}", self.path.display()))
                    .caused_by(error)
                    .hint("gitlab-runner's user must be able to write there")
            })
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The job that it belongs to.
    pub(crate) fn key(&self) -> &JobKey {
        &self.key
    }

    /// Whether it is in memory only; unknown counts as not.
    pub(crate) fn is_on_tmpfs(&self) -> bool {
        is_tmpfs(&self.path).unwrap_or(false)
    }

    /// Where `ca.pem`, `cert.pem` and `key.pem` are.
    pub(crate) fn certificates(&self) -> PathBuf {
        self.path.join("certificates")
    }

    /// Where the same three are for an engine that has credentials of its own.
    pub(crate) fn engine_certificates(&self) -> PathBuf {
        self.path.join("engine-certificates")
    }

    /// Every directory in which certificates may be, an engine's own first.
    pub(crate) fn all_certificates(&self) -> [PathBuf; 2] {
        [self.engine_certificates(), self.certificates()]
    }

    /// The socket at which the job's `docker` reaches the cluster.
    pub(crate) fn socket(&self) -> PathBuf {
        self.path.join("docker.sock")
    }

    /// Whose presence says that the stdin and stdout of this container are in use, or spent.
    pub(crate) fn attached(&self, container: &str) -> PathBuf {
        self.path.join(format!("attached-{container}"))
    }

    /// What prepare noted for the stages after it, if it came that far.
    pub(crate) fn record(&self) -> Option<JobRecord> {
        JobRecord::read(&self.record_path())
    }

    /// Fails, with the system to blame, when it was prepared for another attempt than the one that
    /// runs in `attempt`: gitlab-runner's file that says which job this is may have been changed by
    /// a script, which on the runner machine is of the same user.
    pub(crate) fn belongs_to_attempt(&self, attempt: Option<&Path>) -> Result<()> {
        match (self.record(), attempt) {
            (Some(record), Some(attempt)) if record.attempt_directory != attempt => {
                Err(Failure::system(format!(
                    "job {} was prepared in {}, not in {}",
                    self.key,
                    record.attempt_directory.display(),
                    attempt.display()
                ))
                .hint("retry the job; if it happens again, look for a script that changes response.json"))
            }
            _ => Ok(()),
        }
    }

    /// Notes `record` for the stages after prepare.
    pub(crate) fn write_record(&self, record: &JobRecord) -> Result<()> {
        let path = self.record_path();
        record.write(&path).map_err(|error| {
            Failure::system(format!("cannot write {}", path.display()))
                .caused_by(error)
                .hint("is the disk full?")
        })
    }

    fn record_path(&self) -> PathBuf {
        self.path.join("job.json")
    }
}

/// Turns "not found" into success.
pub(crate) fn already_gone_is_success(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn owner(path: &Path) -> Option<u32> {
    std::fs::metadata(path).ok().map(|metadata| metadata.uid())
}

//! Placement `host`: the script is a process on the runner machine, of gitlab-runner's own user.
//!
//! No isolation is offered here: such a script can do what gitlab-runner's user can. What the place
//! owns is the build directory, the cache directory and the script's environment.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent::processes::end_marked;
use job::settings::{DockerAccess, Profile};
use job::{Environment, Failure, JobContext, JobKey, Result};

use crate::state::JobDirectory;

/// The variable that marks every process of a job with the job's key, so that cleanup finds those
/// that outlived their stage.
pub(crate) const MARK: &str = "SWARM_EXECUTOR_JOB";

/// Where builds and caches are kept for root.
const SYSTEM_DATA: &str = "/var/lib/swarm-executor";

/// Variables by which the Docker CLI finds an engine or its certificates
/// (<https://docs.docker.com/reference/cli/docker/#environment-variables>); any value of the TLS
/// ones, even `0`, turns TLS on.
pub(crate) const DOCKER_VARIABLES: [&str; 5] =
    ["DOCKER_CERT_PATH", "DOCKER_CONTEXT", "DOCKER_HOST", "DOCKER_TLS", "DOCKER_TLS_VERIFY"];

/// The directories of a job that runs on the runner machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostPlace {
    /// Where gitlab-runner puts the project.
    pub(crate) builds_directory: PathBuf,
    /// Where it keeps caches.
    pub(crate) cache_directory: PathBuf,
    /// Whether jobs share the builds directory, so that it outlives each of them.
    pub(crate) shared: bool,
}

impl HostPlace {
    /// The directories for job `key` under `profile`.
    pub(crate) fn new(
        profile: &Profile,
        key: &JobKey,
        environment: &dyn Environment,
    ) -> Result<Self> {
        let configured = (profile.builds_dir.clone(), profile.cache_dir.clone());
        let (builds, cache) = match configured {
            (Some(builds), Some(cache)) => (builds, cache),
            (builds, cache) => {
                let data = data_directory(environment)?;
                (
                    builds.unwrap_or_else(|| data.join("builds")),
                    cache.unwrap_or_else(|| data.join("cache")),
                )
            }
        };
        let shared = profile.keep_build_dir;
        let builds_directory = if shared { builds } else { builds.join(key.as_str()) };
        Ok(Self { builds_directory, cache_directory: cache, shared })
    }

    /// Makes both directories; they may exist already.
    pub(crate) fn create(&self) -> Result<()> {
        for (directory, setting) in
            [(&self.builds_directory, "builds_dir"), (&self.cache_directory, "cache_dir")]
        {
            DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(|error| {
                Failure::system(format!("cannot make {}", directory.display()))
                    .caused_by(error)
                    .hint(format!("set {setting} in the profile to where gitlab-runner may write"))
            })?;
        }
        Ok(())
    }
}

/// The script's whole environment: what gitlab-runner's process has, less all that would lead the
/// job's `docker` elsewhere, with the way to the cluster that the profile grants.
pub(crate) fn script_environment(
    job: &JobContext,
    access: DockerAccess,
    endpoint: Option<&str>,
    directory: &JobDirectory,
) -> Vec<(OsString, OsString)> {
    let stays =
        |name: &OsString| name != MARK && DOCKER_VARIABLES.iter().all(|other| name != other);
    let mut environment: Vec<_> =
        job.inherited.iter().filter(|(name, _)| stays(name)).cloned().collect();
    let mut set = |name: &str, value: String| environment.push((name.into(), value.into()));
    set(MARK, job.key.to_string());
    match (access, endpoint) {
        (DockerAccess::Gateway, _) => set("DOCKER_HOST", gateway_address(directory)),
        (DockerAccess::Certificates, Some(endpoint)) => {
            set("DOCKER_HOST", endpoint.to_owned());
            set("DOCKER_TLS_VERIFY", "1".to_owned());
            set("DOCKER_CERT_PATH", path_text(&directory.certificates()));
        }
        (DockerAccess::Certificates, None) | (DockerAccess::None, _) => {}
    }
    environment
}

/// `DOCKER_HOST` of a job that goes through the gateway.
pub(crate) fn gateway_address(directory: &JobDirectory) -> String {
    format!("unix://{}", path_text(&directory.socket()))
}

/// The same mark as an argument, for a program whose environment nobody may read.
pub(crate) fn mark(key: &JobKey) -> String {
    format!("{MARK}={key}")
}

/// Ends every process of job `key` on this machine: SIGTERM, SIGKILL after `grace`. Returns how many
/// there were.
pub(crate) async fn end_processes(key: &JobKey, grace: Duration) -> Result<usize> {
    end_marked(MARK.as_ref(), key.as_str().as_ref(), grace).await.map_err(|survivors| {
        Failure::system("processes of the job still run")
            .caused_by(survivors)
            .hint(format!("look for {} in /proc/*/environ and /proc/*/cmdline", mark(key)))
    })
}

fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Where this user's builds and caches are unless the profile says so.
fn data_directory(environment: &dyn Environment) -> Result<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from(SYSTEM_DATA));
    }
    let absolute = |name: &str| {
        environment.non_empty(name).map(PathBuf::from).filter(|path| path.is_absolute())
    };
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .map(|base| base.join("swarm-executor"))
        .ok_or_else(|| {
            Failure::system("no place for build directories: HOME is not set")
                .hint("set builds_dir and cache_dir in the profile")
        })
}

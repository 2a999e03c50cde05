//! Where a job's scripts run: `host`, as processes on the runner machine, or `engine`, in containers.

mod engine;
mod host;

use std::path::PathBuf;

use docker::containers::{BUILDS, CACHE};
use job::settings::{Placement, Profile};
use job::{Environment, JobKey, Result};

pub(crate) use engine::{
    Container, Containers, EngineRecord, Maker, Offer, Reach, Service, Wanted,
};
pub(crate) use host::{
    DOCKER_VARIABLES, HostPlace, MARK, end_processes, gateway_address, mark, script_environment,
};

/// Where gitlab-runner is to put the job's files, at the place of its scripts.
#[derive(Clone, Debug)]
pub(crate) struct Directories {
    pub(crate) builds: PathBuf,
    pub(crate) cache: PathBuf,
    /// Whether other jobs have the same builds directory.
    pub(crate) shared: bool,
}

impl Directories {
    /// Those of job `key` under `profile`.
    pub(crate) fn new(
        profile: &Profile,
        key: &JobKey,
        environment: &dyn Environment,
    ) -> Result<Self> {
        Ok(match profile.placement {
            Placement::Host => {
                let place = HostPlace::new(profile, key, environment)?;
                Self {
                    builds: place.builds_directory,
                    cache: place.cache_directory,
                    shared: place.shared,
                }
            }
            Placement::Engine => Self { builds: BUILDS.into(), cache: CACHE.into(), shared: false },
        })
    }
}

//! Placement `engine`: the engine, the images that it may run, what a job's containers may use and
//! do there.
//!
//! An absent list permits everything, an empty one nothing. What is said here of containers counts
//! for the job's build container and its services. Keys that GitLab Runner has too are called as in
//! its `[runners.docker]`
//! (<https://docs.gitlab.com/runner/configuration/advanced-configuration/#the-runnersdocker-section>).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use super::{Bytes, Cpus, Credentials, Pids, Swap};
use crate::PullPolicy;

/// What keeps a process from gaining privileges by a set-user-id program
/// (<https://docs.kernel.org/userspace-api/no_new_privs.html>).
const NO_NEW_PRIVILEGES: &str = "no-new-privileges";

/// Where a job's containers run, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Engine {
    /// The engine's address, `tcp://host:2376` or `unix:///path`; without one, the cluster's.
    pub endpoint: Option<String>,
    /// Who to be there; without them, whoever the job is at the cluster.
    pub credentials: Option<Credentials>,
    /// The image for gitlab-runner's own stages; without one, GitLab's of the runner's version.
    pub helper_image: Option<String>,
    /// The image for jobs that name none.
    pub image: Option<String>,
    /// When images are pulled, in the order to try; empty when the profile says nothing.
    pub pull_policy: Vec<PullPolicy>,
    /// The pull policies that a job may ask for.
    pub allowed_pull_policies: Option<Vec<PullPolicy>>,
    /// Patterns of the images that a job may name.
    pub allowed_images: Option<Vec<String>>,
    /// Patterns of the services that a job may name.
    pub allowed_services: Option<Vec<String>>,
    /// Longest wait for a service to be ready.
    pub service_timeout: Duration,
    /// Whether a service that isn't ready fails the job.
    pub services_must_be_ready: bool,
    /// How long a lost connection to the engine is waited for.
    pub reconnect_timeout: Duration,
    /// What each container may use.
    pub limits: Limits,
    /// What each container may do.
    pub security: Security,
    /// More lines for `/etc/hosts`, each `name:address`.
    pub extra_hosts: Vec<String>,
    /// The name servers; none for the engine's.
    pub dns: Vec<IpAddr>,
    /// Directories in memory, with their mount options.
    pub tmpfs: BTreeMap<String, String>,
    /// More volumes, each `source:target[:options]`.
    pub volumes: Vec<String>,
}

/// What each container of a job may use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// CPU time.
    pub cpus: Option<Cpus>,
    /// Memory.
    pub memory: Option<Bytes>,
    /// Memory and swap space together; only with `memory`, and not less.
    pub memory_swap: Option<Swap>,
    /// Processes and threads.
    pub pids: Option<Pids>,
    /// The size of `/dev/shm`.
    pub shm_size: Option<Bytes>,
    /// Limits of each process.
    pub ulimits: Vec<Ulimit>,
}

/// A limit of each process, see `getrlimit(2)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ulimit {
    /// Its name, such as `nofile`.
    pub name: String,
    /// What a process has; -1 for no limit.
    pub soft: i64,
    /// What a process may raise it to; -1 for no limit.
    pub hard: i64,
}

/// What each container of a job may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Security {
    /// Whether the container may do whatever root may on the engine's machine.
    pub privileged: bool,
    /// The user that the job's scripts run as, over what the image and the job say.
    pub user: Option<String>,
    /// Capabilities to add.
    pub cap_add: Vec<String>,
    /// Capabilities to drop.
    pub cap_drop: Vec<String>,
    /// Docker's security options; `no-new-privileges` unless the profile lists its own or the
    /// container is privileged.
    pub security_opt: Vec<String>,
    /// Devices of the engine's machine.
    pub devices: Vec<Device>,
    /// Whether the root file system is read-only.
    pub read_only: bool,
    /// The container runtime; none for the engine's default.
    pub runtime: Option<String>,
}

/// A device of the engine's machine for a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its path on the engine's machine.
    pub host: String,
    /// Its path in the container.
    pub container: String,
    /// Which of `r`ead, `w`rite and `m`knod are permitted.
    pub permissions: String,
}

impl Engine {
    /// The socket of an engine on the runner machine, if `endpoint` names one.
    pub fn socket(&self) -> Option<&Path> {
        self.endpoint.as_deref().and_then(socket)
    }
}

/// The path in `unix:///path`.
pub(super) fn socket(endpoint: &str) -> Option<&Path> {
    endpoint.strip_prefix("unix://").map(Path::new)
}

impl Security {
    /// Docker's security options when a profile lists none. A privileged container is asked for to
    /// do anything, so nothing is withheld from it.
    pub(super) fn default_options(privileged: bool) -> Vec<String> {
        if privileged { Vec::new() } else { vec![NO_NEW_PRIVILEGES.to_owned()] }
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            endpoint: None,
            credentials: None,
            helper_image: None,
            image: None,
            pull_policy: Vec::new(),
            allowed_pull_policies: None,
            allowed_images: None,
            allowed_services: None,
            service_timeout: Duration::from_secs(30),
            services_must_be_ready: true,
            reconnect_timeout: Duration::from_mins(5),
            limits: Limits::default(),
            security: Security::default(),
            extra_hosts: Vec::new(),
            dns: Vec::new(),
            tmpfs: BTreeMap::new(),
            volumes: Vec::new(),
        }
    }
}

impl Default for Security {
    fn default() -> Self {
        Self {
            privileged: false,
            user: None,
            cap_add: Vec::new(),
            cap_drop: Vec::new(),
            security_opt: Self::default_options(false),
            devices: Vec::new(),
            read_only: false,
            runtime: None,
        }
    }
}

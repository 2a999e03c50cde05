//! How each of a job's containers is to be, as data.
//!
//! As with GitLab's docker executor, what the profile says of limits and safety holds for the build
//! container and the services. The helper runs gitlab-runner's scripts and nothing of the job's; it
//! is root there with what the engine grants by default, and can't gain more.
//!
//! Nothing secret is in a build or helper container's description, which anyone with access to the
//! engine can read: scripts get their variables through the agent. A service's variables have no
//! other way.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use bollard::models::{
    ContainerCreateBody, DeviceMapping, EndpointSettings, HealthConfig, HostConfig,
    HostConfigLogConfig, Mount, MountType, MountVolumeOptions, MountVolumeOptionsDriverConfig,
    NetworkingConfig, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};
use job::Blame;
use job::settings::{Bytes, Cpus, Device, Engine, Limits, Pids, Security, Swap, Ulimit};
use serde::{Deserialize, Serialize};

use super::agent::{AGENT_DIRECTORY, AGENT_PATH, AgentProgram, serve_command};
use super::marks::{JobMarks, Kept, Role};
use super::network::Network;
use crate::images::{BroughtImage, Platform, WantedImage};

/// Where the job's sources are in its containers.
pub const BUILDS: &str = "/builds";

/// Where the project's caches are in its containers.
pub const CACHE: &str = "/cache";

/// The host name of the build container for the job's services, as GitLab's docker executor has it
/// (<https://docs.gitlab.com/runner/executors/docker/#create-a-network-for-each-job>).
const BUILD_ALIAS: &str = "build";

/// Options of a tmpfs in which every user may make files (tmpfs(5)).
const FOR_EVERYBODY: &str = "nosuid,nodev,noexec,mode=1777,size=16m";

const ROOT: &str = "0:0";
const NO_NEW_PRIVILEGES: &str = "no-new-privileges";

/// What a job's containers have in common.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The job's names and labels.
    pub marks: &'a JobMarks,
    /// The network that all of them are on.
    pub network: Network,
    /// The first process of build and helper container.
    pub agent: &'a AgentProgram,
    /// What the profile says.
    pub engine: &'a Engine,
}

/// What one job's build container has that others have not.
#[derive(Clone, Debug, Default)]
pub struct BuildTerms {
    /// The user that the job asks for; the profile's comes first, the image's last.
    pub user: Option<String>,
    /// More lines for `/etc/hosts`, each `name:address`.
    pub extra_hosts: Vec<String>,
    /// Directories in memory in which every user of the container may make files.
    pub in_memory: BTreeSet<String>,
}

/// What the job says of a service.
#[derive(Clone, Default)]
pub struct ServiceTerms {
    /// The names by which it is found.
    pub aliases: Vec<String>,
    /// Its environment, beside the image's.
    pub variables: Vec<(String, String)>,
    /// Instead of the image's; `[""]` for none.
    pub entrypoint: Option<Vec<String>>,
    /// Instead of the image's.
    pub command: Option<Vec<String>>,
    /// Instead of the image's.
    pub user: Option<String>,
}

/// A container that is to be made.
#[derive(Clone)]
pub struct Spec {
    pub(super) subject: Subject,
    pub(super) body: ContainerCreateBody,
}

/// What a container is for, and of which image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Subject {
    pub(super) role: Role,
    /// The image's name as it was asked for.
    pub(super) image: String,
    pub(super) image_id: String,
    pub(super) platform: Option<String>,
    /// Whether the job named the image, not the profile.
    pub(super) image_by_job: bool,
    /// Whether the profile names the user, not the job or the image.
    pub(super) user_by_profile: bool,
}

impl Plan<'_> {
    /// The container for the job's own scripts.
    pub fn build(&self, wanted: &WantedImage, image: &BroughtImage, terms: BuildTerms) -> Spec {
        let mut spec = self.with_agent(Role::Build, wanted, image);
        spec.subject.user_by_profile = self.engine.security.user.is_some();
        spec.body.user = self.engine.security.user.clone().or(terms.user);
        spec.body.networking_config = self.aliases(vec![BUILD_ALIAS.to_owned()]);
        let host = spec.body.host_config.get_or_insert_default();
        self.confine(host);
        host.extra_hosts.get_or_insert_default().extend(terms.extra_hosts);
        let in_memory = terms.in_memory.iter().map(|target| memory(target, self.marks));
        host.mounts.get_or_insert_default().extend(in_memory);
        spec
    }

    /// The container for gitlab-runner's scripts.
    pub fn helper(&self, wanted: &WantedImage, image: &BroughtImage) -> Spec {
        let mut spec = self.with_agent(Role::Helper, wanted, image);
        spec.body.user = Some(ROOT.to_owned());
        let host = spec.body.host_config.get_or_insert_default();
        host.security_opt = Some(vec![NO_NEW_PRIVILEGES.to_owned()]);
        spec
    }

    /// The container of a service.
    pub fn service(
        &self,
        number: usize,
        wanted: &WantedImage,
        image: &BroughtImage,
        terms: ServiceTerms,
    ) -> Spec {
        let mut spec = self.any(Role::Service(number), wanted, image, readable_log());
        spec.body.env = Some(terms.variables.iter().map(|(k, v)| format!("{k}={v}")).collect());
        spec.body.entrypoint = terms.entrypoint;
        spec.body.cmd = terms.command;
        spec.body.user = terms.user;
        spec.body.networking_config = self.aliases(terms.aliases);
        self.confine(spec.body.host_config.get_or_insert_default());
        spec
    }

    /// A container that is never started, through which the agent gets into its volume.
    pub(super) fn courier(marks: &JobMarks, agent: &AgentProgram, subject: &Subject) -> Spec {
        let mount = Mount { read_only: Some(false), ..agent_volume(marks, agent) };
        let host = HostConfig {
            mounts: Some(vec![mount]),
            network_mode: Some("none".to_owned()),
            log_config: Some(no_log()),
            ..HostConfig::default()
        };
        let body = ContainerCreateBody {
            image: Some(subject.image_id.clone()),
            entrypoint: Some(vec![AGENT_PATH.to_owned()]),
            labels: Some(marks.of_container(Role::Courier)),
            host_config: Some(host),
            ..ContainerCreateBody::default()
        };
        Spec { subject: Subject { role: Role::Courier, ..subject.clone() }, body }
    }

    /// With the agent as first process. It reaps by itself, no health check is of use to it, and
    /// without a log driver all it says goes to who is attached and nowhere else.
    fn with_agent(&self, role: Role, wanted: &WantedImage, image: &BroughtImage) -> Spec {
        let mut spec = self.any(role, wanted, image, no_log());
        let body = &mut spec.body;
        body.entrypoint = Some(serve_command(&self.marks.container(role)));
        body.open_stdin = Some(true);
        body.stdin_once = Some(false);
        body.tty = Some(false);
        let none = Some(vec!["NONE".to_owned()]);
        body.healthcheck = Some(HealthConfig { test: none, ..HealthConfig::default() });
        let host = body.host_config.get_or_insert_default();
        host.init = Some(false);
        host.mounts.get_or_insert_default().push(agent_volume(self.marks, self.agent));
        spec
    }

    fn any(
        &self,
        role: Role,
        wanted: &WantedImage,
        image: &BroughtImage,
        log: HostConfigLogConfig,
    ) -> Spec {
        let never = RestartPolicy { name: Some(RestartPolicyNameEnum::NO), ..<_>::default() };
        let host = HostConfig {
            network_mode: Some(self.network.name(self.marks)),
            log_config: Some(log),
            restart_policy: Some(never),
            mounts: Some(vec![
                volume(BUILDS, self.marks.builds_volume(), self.marks.of_builds()),
                volume(CACHE, self.marks.cache_volume(), self.marks.of_kept(Kept::Cache)),
            ]),
            binds: Some(self.engine.volumes.clone()),
            dns: Some(self.engine.dns.iter().map(IpAddr::to_string).collect()),
            extra_hosts: Some(self.engine.extra_hosts.clone()),
            ..HostConfig::default()
        };
        let body = ContainerCreateBody {
            hostname: Some(self.marks.host_name()),
            image: Some(image.id.clone()),
            labels: Some(self.marks.of_container(role)),
            host_config: Some(host),
            ..ContainerCreateBody::default()
        };
        let subject = Subject {
            role,
            image: wanted.reference.to_string(),
            image_id: image.id.clone(),
            platform: wanted.platform.as_ref().map(Platform::to_string),
            image_by_job: wanted.asked_by == Blame::Job,
            user_by_profile: false,
        };
        Spec { subject, body }
    }

    /// What the profile says a container may use and do.
    fn confine(&self, host: &mut HostConfig) {
        limit(host, &self.engine.limits);
        secure(host, &self.engine.security);
        let tmpfs = self.engine.tmpfs.clone();
        host.tmpfs = Some(tmpfs.into_iter().collect());
    }

    /// Only on the job's own network there is anybody to find the container by name.
    fn aliases(&self, aliases: Vec<String>) -> Option<NetworkingConfig> {
        let endpoint = EndpointSettings { aliases: Some(aliases), ..EndpointSettings::default() };
        let endpoints = HashMap::from([(self.network.name(self.marks), endpoint)]);
        (self.network == Network::Own)
            .then_some(NetworkingConfig { endpoints_config: Some(endpoints) })
    }
}

impl Spec {
    /// What the container is for.
    pub fn role(&self) -> Role {
        self.subject.role
    }
}

fn limit(host: &mut HostConfig, limits: &Limits) {
    host.nano_cpus = limits.cpus.map(Cpus::nano);
    host.memory = limits.memory.map(Bytes::count);
    host.memory_swap = limits.memory_swap.map(Swap::count);
    host.pids_limit = limits.pids.map(Pids::count);
    host.shm_size = limits.shm_size.map(Bytes::count);
    host.ulimits = Some(limits.ulimits.iter().map(ulimit).collect());
}

fn ulimit(limit: &Ulimit) -> ResourcesUlimits {
    let name = Some(limit.name.clone());
    ResourcesUlimits { name, soft: Some(limit.soft), hard: Some(limit.hard) }
}

fn secure(host: &mut HostConfig, security: &Security) {
    host.privileged = Some(security.privileged);
    host.cap_add = Some(security.cap_add.clone());
    host.cap_drop = Some(security.cap_drop.clone());
    host.security_opt = Some(security.security_opt.clone());
    host.devices = Some(security.devices.iter().map(device).collect());
    host.readonly_rootfs = Some(security.read_only);
    host.runtime.clone_from(&security.runtime);
}

fn device(device: &Device) -> DeviceMapping {
    DeviceMapping {
        path_on_host: Some(device.host.clone()),
        path_in_container: Some(device.container.clone()),
        cgroup_permissions: Some(device.permissions.clone()),
    }
}

/// A volume, made with the first container that mounts it.
fn volume(target: &str, name: String, labels: HashMap<String, String>) -> Mount {
    let options = MountVolumeOptions { labels: Some(labels), ..MountVolumeOptions::default() };
    Mount {
        typ: Some(MountType::VOLUME),
        target: Some(target.to_owned()),
        source: Some(name),
        volume_options: Some(options),
        ..Mount::default()
    }
}

/// A directory in memory in which every user may make files.
///
/// It is a volume of its container, with which it goes: runc before 1.1.8 gives a tmpfs the mode of
/// what an image has in its place, and so does a second start of the container to any
/// (<https://github.com/opencontainers/runc/issues/3911>).
fn memory(target: &str, marks: &JobMarks) -> Mount {
    let options = [("type", "tmpfs"), ("device", "tmpfs"), ("o", FOR_EVERYBODY)];
    let options = options.map(|(option, value)| (option.to_owned(), value.to_owned()));
    let driver = MountVolumeOptionsDriverConfig {
        name: Some("local".to_owned()),
        options: Some(options.into()),
    };
    Mount {
        typ: Some(MountType::VOLUME),
        target: Some(target.to_owned()),
        volume_options: Some(MountVolumeOptions {
            no_copy: Some(true),
            labels: Some(marks.of_memory()),
            driver_config: Some(driver),
            ..MountVolumeOptions::default()
        }),
        ..Mount::default()
    }
}

/// Read-only, and never filled from what an image has in its place.
fn agent_volume(marks: &JobMarks, agent: &AgentProgram) -> Mount {
    let labels = marks.of_kept(Kept::Agent);
    let mut mount = volume(AGENT_DIRECTORY, agent.volume().to_owned(), labels);
    mount.read_only = Some(true);
    mount.volume_options.get_or_insert_default().no_copy = Some(true);
    mount
}

fn no_log() -> HostConfigLogConfig {
    HostConfigLogConfig { typ: Some("none".to_owned()), config: None }
}

/// One from which a service's last words can be read, of a size that fills no disk
/// (<https://docs.docker.com/engine/logging/drivers/json-file/>).
fn readable_log() -> HostConfigLogConfig {
    let options = [("max-size", "10m"), ("max-file", "1")];
    let options = options.map(|(option, value)| (option.to_owned(), value.to_owned()));
    HostConfigLogConfig { typ: Some("json-file".to_owned()), config: Some(options.into()) }
}

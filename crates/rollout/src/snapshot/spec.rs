//! What is asked for of a service: the parts that are judged and advised on, and the whole.

mod read;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

/// A service's specification.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// The service's name.
    pub name: String,
    /// The service's labels (`deploy.labels` in a stack file).
    pub labels: BTreeMap<String, String>,
    /// The stack that it belongs to: its label `com.docker.stack.namespace`.
    pub stack: Option<String>,
    /// How many tasks, and until when.
    pub mode: Mode,
    /// As written, with the digest if there is one: `jwilder/whoami:latest@sha256:…`.
    pub image: String,
    /// The labels of its containers.
    pub container_labels: BTreeMap<String, String>,
    /// The environment variables by name, without their values.
    pub environment: Vec<String>,
    /// The service's own health check; none leaves the image's in force.
    pub healthcheck: Option<Healthcheck>,
    /// Between the stop signal and SIGKILL; the engine's default is ten seconds.
    pub stop_grace_period: Option<Duration>,
    /// `node.labels.zone == a` and the like.
    pub constraints: Vec<String>,
    /// At most this many tasks on one node; none for no limit.
    pub max_replicas_per_node: Option<u64>,
    /// `none`, `on-failure` or `any`; the default is `any`.
    pub restart_condition: Option<String>,
    /// How often a task is started anew, at most; none for no limit.
    pub max_attempts: Option<u64>,
    /// How long before a task is started anew; the default is five seconds.
    pub restart_delay: Option<Duration>,
    /// How updates go.
    pub update: Option<UpdateConfig>,
    /// How rollbacks go.
    pub rollback: Option<UpdateConfig>,
    /// `vip` or `dnsrr`; the default is `vip`.
    pub endpoint_mode: Option<String>,
    /// Published ports.
    pub ports: Vec<Port>,
    /// IDs or names of its networks.
    pub networks: Vec<String>,
    /// Rises when tasks are to be replaced though nothing has changed.
    pub force_update: u64,
    /// All of it, as the cluster gave it.
    pub whole: Value,
}

/// How many tasks, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// So many tasks, for ever.
    Replicated {
        /// How many.
        replicas: u64,
    },
    /// One task on each eligible node, for ever.
    Global,
    /// So many tasks until they have completed.
    ReplicatedJob {
        /// How many have to complete.
        completions: u64,
        /// How many run at once.
        concurrent: u64,
    },
    /// One task on each eligible node until it has completed.
    GlobalJob,
}

/// A health check, as the specification of a service or an image has it. What is not set is the
/// image's, else the engine's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Healthcheck {
    /// `["CMD", …]`, `["CMD-SHELL", …]`, `["NONE"]`; empty leaves the image's in force.
    pub test: Vec<String>,
    /// Between two probes.
    pub interval: Option<Duration>,
    /// Longest time of one probe.
    pub timeout: Option<Duration>,
    /// For so long failures don't count.
    pub start_period: Option<Duration>,
    /// How many failures in a row make it unhealthy.
    pub retries: Option<u64>,
}

/// How updates or rollbacks go (`UpdateConfig`, `RollbackConfig`).
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateConfig {
    /// How many tasks at once; 0 for all.
    pub parallelism: u64,
    /// Between two of them.
    pub delay: Duration,
    /// What to do after failures.
    pub failure_action: FailureAction,
    /// For how long a task that runs may still fail the update.
    pub monitor: Option<Duration>,
    /// Which part of the tasks may fail.
    pub max_failure_ratio: f64,
    /// Which of old and new task comes first.
    pub order: Order,
}

/// What to do after failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailureAction {
    /// Stop where it is.
    #[default]
    Pause,
    /// Go on.
    Continue,
    /// Go back to the previous specification.
    Rollback,
}

/// Which of old and new task comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The old one ends before the new one starts.
    #[default]
    StopFirst,
    /// The new one runs before the old one ends.
    StartFirst,
}

/// A published port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// In the container.
    pub target: u16,
    /// Outside; none lets the swarm choose.
    pub published: Option<u16>,
    /// Where it is published.
    pub mode: PublishMode,
}

/// Where a port is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishMode {
    /// On every node, by the routing mesh.
    Ingress,
    /// On the node of the task only.
    Host,
}

impl Spec {
    /// How long a task that runs may still fail an update, by the specification or else by the
    /// orchestrator's default
    /// (<https://github.com/moby/swarmkit/blob/v2.1.1/api/defaults/service.go>).
    pub fn monitor(&self) -> Duration {
        const DEFAULT: Duration = Duration::from_secs(5);
        self.update.as_ref().and_then(|update| update.monitor).unwrap_or(DEFAULT)
    }
}

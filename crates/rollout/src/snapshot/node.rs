//! The nodes of a swarm, as `GET /nodes` lists them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its ID.
    pub id: String,
    /// Its host name.
    pub name: String,
    /// Whether the managers hear from it.
    pub ready: bool,
    /// Whether it may be given tasks.
    pub availability: Availability,
    /// Whether it is a manager.
    pub manager: bool,
    /// The address that the managers see it at.
    pub address: Option<IpAddr>,
    /// What its engine runs on.
    pub platform: Platform,
    /// The labels that its keeper gave it (`node.labels`).
    pub labels: BTreeMap<String, String>,
    /// The labels of its engine (`engine.labels`).
    pub engine_labels: BTreeMap<String, String>,
}

/// Whether a node may be given tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// It may.
    Active,
    /// It keeps those that it has.
    Pause,
    /// It may not, and those that it had go elsewhere.
    Drain,
}

/// What a node's engine runs on, by Go's names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// `linux`
    pub os: String,
    /// `x86_64`, as the kernel says it: not Go's `amd64`.
    pub architecture: String,
}

impl Node {
    /// Whether it takes new tasks: it is active, and the managers hear from it.
    pub fn is_eligible(&self) -> bool {
        self.ready && self.availability == Availability::Active
    }
}

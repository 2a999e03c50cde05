//! What `GET /info` says, and what follows from it.
//!
//! Only the fields that matter here are read, so that an engine of any version is understood
//! (<https://docs.docker.com/reference/api/engine/version/v1.45/#tag/System/operation/SystemInfo>).

use job::{Failure, Result};
use serde::Deserialize;

use super::ApiVersion;
use crate::Endpoint;

/// What is known of a cluster whose manager answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterFacts {
    /// The manager's engine: `20.10.24`.
    pub engine_version: String,
    /// The highest API version that the engine speaks; engines say it in every response.
    pub api_version: Option<ApiVersion>,
    /// The swarm's own id.
    pub swarm_id: String,
    /// The manager's host name.
    pub node_name: String,
    /// All managers.
    pub managers: u64,
    /// All nodes that are no managers.
    pub workers: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Info {
    #[serde(default)]
    name: String,
    server_version: String,
    #[serde(default)]
    swarm: Swarm,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Swarm {
    local_node_state: String,
    control_available: bool,
    error: String,
    remote_managers: Option<Vec<Peer>>,
    nodes: u64,
    managers: u64,
    cluster: Option<SwarmCluster>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Peer {
    addr: String,
}

#[derive(Debug, Deserialize)]
struct SwarmCluster {
    #[serde(rename = "ID")]
    id: String,
}

#[derive(Deserialize)]
struct Message {
    message: String,
}

/// The engine's words in a response that is an error.
pub(super) fn message(body: &[u8]) -> Option<String> {
    serde_json::from_slice(body).ok().map(|Message { message }| message)
}

impl Info {
    pub(super) fn parse(body: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(body)
    }

    /// The facts, if this is a manager that can do its work.
    pub(super) fn judge(
        self,
        api_version: Option<ApiVersion>,
        endpoint: &Endpoint,
    ) -> Result<ClusterFacts> {
        match (self.swarm.local_node_state.as_str(), self.swarm.control_available) {
            ("active", true) => self.facts(api_version, endpoint),
            ("active", false) => Err(self.swarm.worker(endpoint)),
            ("inactive" | "", _) => Err(no_swarm(endpoint)),
            ("locked", _) => {
                Err(Failure::system(format!("the swarm manager at {endpoint} is locked"))
                    .hint("run `docker swarm unlock` on it"))
            }
            (state, _) => Err(self.swarm.unwell(state, endpoint)),
        }
    }

    fn facts(self, api_version: Option<ApiVersion>, endpoint: &Endpoint) -> Result<ClusterFacts> {
        let Some(cluster) = self.swarm.cluster else {
            return Err(self.swarm.unwell("without a leader", endpoint));
        };
        Ok(ClusterFacts {
            engine_version: self.server_version,
            api_version,
            swarm_id: cluster.id,
            node_name: self.name,
            managers: self.swarm.managers,
            workers: self.swarm.nodes.saturating_sub(self.swarm.managers),
        })
    }
}

impl Swarm {
    fn worker(&self, endpoint: &Endpoint) -> Failure {
        let source = endpoint.source();
        let failure = Failure::new(
            source.blame(),
            format!("{endpoint} is a worker of its swarm, and only managers take orders"),
        );
        match self.managers().as_slice() {
            [] => failure.hint(format!("name a manager in {source}")),
            managers => failure
                .hint(format!("name a manager in {source}; it knows {}", managers.join(", "))),
        }
    }

    /// The hosts of the managers that a worker knows; their port is the swarm's own.
    fn managers(&self) -> Vec<&str> {
        let peers = self.remote_managers.iter().flatten();
        peers.map(|peer| peer.addr.rsplit_once(':').map_or(&*peer.addr, |(host, _)| host)).collect()
    }

    fn unwell(&self, state: &str, endpoint: &Endpoint) -> Failure {
        let failure = Failure::system(format!("the swarm at {endpoint} is {state}"));
        let failure =
            if self.error.is_empty() { failure } else { failure.caused_by(self.error.as_str()) };
        failure.hint("look at `docker info` and `docker node ls` on its managers")
    }
}

fn no_swarm(endpoint: &Endpoint) -> Failure {
    let source = endpoint.source();
    Failure::new(source.blame(), format!("the engine at {endpoint} is not part of a swarm")).hint(
        format!("run `docker swarm init` on that machine, or name a swarm's manager in {source}"),
    )
}

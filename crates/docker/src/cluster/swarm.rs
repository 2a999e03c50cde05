//! What `GET /info` says of the engine's swarm, and what follows from it
//! (<https://docs.docker.com/reference/api/engine/version/v1.45/#tag/System/operation/SystemInfo>).

use job::{Failure, Result};
use serde::Deserialize;

use super::ClusterFacts;
use crate::{Endpoint, EngineFacts};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Swarm {
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

impl Swarm {
    pub(crate) fn is_manager(&self) -> bool {
        self.control_available
    }

    /// The facts, if this is a manager that can do its work.
    pub(super) fn judge(self, engine: EngineFacts, endpoint: &Endpoint) -> Result<ClusterFacts> {
        match (self.local_node_state.as_str(), self.control_available) {
            ("active", true) => self.facts(engine, endpoint),
            ("active", false) => Err(self.worker(endpoint)),
            ("inactive" | "", _) => Err(no_swarm(endpoint)),
            ("locked", _) => {
                Err(Failure::system(format!("the swarm manager at {endpoint} is locked"))
                    .hint("run `docker swarm unlock` on it"))
            }
            (state, _) => Err(self.unwell(state, endpoint)),
        }
    }

    fn facts(self, engine: EngineFacts, endpoint: &Endpoint) -> Result<ClusterFacts> {
        let workers = self.nodes.saturating_sub(self.managers);
        match self.cluster {
            Some(SwarmCluster { id }) => {
                Ok(ClusterFacts { engine, swarm_id: id, managers: self.managers, workers })
            }
            None => Err(self.unwell("without a leader", endpoint)),
        }
    }

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

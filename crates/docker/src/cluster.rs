//! A cluster, reached at one of its managers: an engine that is asked for its swarm too.

mod swarm;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use job::Result;

use crate::{Endpoint, Engine, EngineFacts, Identity, Limits};

pub(crate) use self::swarm::Swarm;

/// One manager of a cluster, as one identity. Clones share connections.
#[derive(Clone, Debug)]
pub struct Cluster {
    endpoint: Endpoint,
    identity: Identity,
    limits: Limits,
    engine: Engine,
}

/// What is known of a cluster whose manager answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterFacts {
    /// The manager's engine.
    pub engine: EngineFacts,
    /// The swarm's own id.
    pub swarm_id: String,
    /// All managers.
    pub managers: u64,
    /// All nodes that are no managers.
    pub workers: u64,
}

impl Cluster {
    /// The cluster behind `endpoint`. Nothing is sent yet.
    pub fn new(endpoint: Endpoint, identity: Identity, limits: Limits) -> Self {
        let engine = Engine::remote(endpoint.clone(), identity.clone(), limits);
        Self { endpoint, identity, limits, engine }
    }

    /// The engine of another node, at the address that the swarm knows it by: same port, same
    /// identity. Nothing is sent yet.
    ///
    /// # Errors
    /// No endpoint can be made of the address.
    pub fn engine_at(&self, address: IpAddr) -> Result<Engine> {
        let endpoint = self.endpoint.at(address)?;
        Ok(Engine::remote(endpoint, self.identity.clone(), self.limits))
    }

    /// The manager's engine. Once the cluster has been checked, so has the engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Asks who is there: an engine, in a swarm, as a manager that can reach its leader.
    ///
    /// # Errors
    /// Those of [`Engine::check`]; with the blame of whoever supplied the address if it leads to no
    /// manager; a swarm that is unwell is the system's.
    pub async fn check(&self) -> Result<ClusterFacts> {
        let (engine, swarm) = self.engine.info().await?.judge(self.engine.target())?;
        swarm.judge(engine, &self.endpoint)
    }
}

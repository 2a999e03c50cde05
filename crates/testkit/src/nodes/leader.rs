//! Which manager leads the others.

use std::time::Duration;

use job::{Failure, Result};

use super::handle::SwarmHandle;
use super::node::Node;
use crate::wait::{Seen, until};

/// How long the managers may take to agree. Elections take seconds, with a timeout of ten ticks
/// (<https://docs.docker.com/engine/swarm/raft/>).
const ELECTION_LIMIT: Duration = Duration::from_mins(2);

/// How long one manager may take to answer while there is no leader.
const PATIENCE: Duration = Duration::from_secs(5);

impl SwarmHandle {
    /// The manager that leads the others now, by its own word; waits while they elect one.
    ///
    /// # Errors
    ///
    /// Too few managers are left to agree, or they don't within two minutes.
    pub async fn leader(&self) -> Result<&Node> {
        until("a leader", ELECTION_LIMIT, async || {
            let mut seen = Vec::new();
            for manager in self.managers() {
                match manager.says_it_leads().await {
                    Ok(true) => return Seen::Ready(manager),
                    Ok(false) => seen.push(format!("{} follows", manager.name)),
                    Err(failure) => seen.push(failure.render()),
                }
            }
            Seen::NotYet(seen.join("; "))
        })
        .await
    }
}

impl Node {
    async fn says_it_leads(&self) -> Result<bool> {
        let nodes = tokio::time::timeout(PATIENCE, self.get("/nodes")).await;
        let nodes = nodes.map_err(|_| Failure::system(format!("{} is silent", self.name)))??;
        let Some(nodes) = nodes.body.as_array() else {
            return Err(Failure::system(format!("{} says {}", self.name, nodes.body)));
        };
        Ok(nodes.iter().any(|node| {
            node["Description"]["Hostname"] == self.name.as_str()
                && node["ManagerStatus"]["Leader"] == true
        }))
    }
}

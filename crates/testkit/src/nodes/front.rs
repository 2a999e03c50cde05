//! A reverse proxy in front of a service of the swarm, as people reach it.
//!
//! The proxy is a service itself: `proxy:test` on the service's overlay network and on the manager,
//! where a port is its own in host mode. It spreads requests over the tasks by the engine's name
//! server, not over the service's virtual IP: that and the routing mesh need IPVS, which not every
//! kernel has.

use std::net::SocketAddr;
use std::time::Duration;

use job::{Failure, Result};

use super::handle::SwarmHandle;
use super::node::Node;
use crate::images::PROXY_PORT;
use crate::wait::{Seen, until};

/// How long the proxy may take until it listens.
const LIMIT: Duration = Duration::from_mins(1);

/// A reverse proxy that runs until [`Front::remove`], or until its swarm ends.
#[derive(Clone, Debug)]
pub struct Front {
    manager: Node,
    name: String,
    address: SocketAddr,
}

impl SwarmHandle {
    /// Starts a reverse proxy in front of the service, which need not be there yet, on an attachable or
    /// other overlay network that is.
    ///
    /// # Errors
    ///
    /// The network or the image `proxy:test` is missing, or the proxy doesn't come up.
    pub async fn front(&self, service: &str, network: &str) -> Result<Front> {
        let (manager, name) = (self.manager(), format!("{service}-front"));
        let own = format!("node.hostname=={}", manager.name);
        let publish = format!("mode=host,target={PROXY_PORT}");
        let upstream = format!("SERVICE={service}");
        let create = ["service", "create", "--detach", "--quiet", "--no-resolve-image"];
        let options = ["--name", &name, "--network", network, "--constraint", &own];
        let rest = ["--publish", &publish, "--env", &upstream, "proxy:test"];
        manager.docker(&[&create[..], &options, &rest].concat()).await?;
        let port = until("the reverse proxy", LIMIT, async || {
            Seen::from_result(published_port(manager, &name).await)
        });
        let address = (manager.ip, port.await?).into();
        Ok(Front { manager: manager.clone(), name, address })
    }
}

impl Front {
    /// Where it is reached from this machine.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The same for who speaks HTTP himself.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Removes it.
    ///
    /// # Errors
    ///
    /// The manager can't be asked.
    pub async fn remove(self) -> Result<()> {
        self.manager.docker(&["service", "rm", &self.name]).await.map(drop)
    }
}

/// The port on its node of the service's one task, which runs.
async fn published_port(manager: &Node, name: &str) -> Result<u16> {
    let path = format!("/tasks?filters=%7B%22service%22%3A%7B%22{name}%22%3Atrue%7D%7D");
    let tasks = manager.get(&path).await?.body;
    let running = tasks
        .as_array()
        .and_then(|tasks| tasks.iter().find(|task| task["Status"]["State"] == "running"));
    let port = running
        .and_then(|task| task["Status"]["PortStatus"]["Ports"][0]["PublishedPort"].as_u64())
        .and_then(|port| u16::try_from(port).ok());
    port.ok_or_else(|| Failure::system(format!("{name} doesn't run: {tasks}")))
}

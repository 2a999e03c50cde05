//! A swarm and its owner: how it is started, formed and stopped.

use std::fs;
use std::ops::Deref;
use std::time::Duration;

use futures::future::try_join_all;
use job::{Failure, Result};
use tokio::task::spawn_blocking;

use super::cables;
use super::handle::SwarmHandle;
use super::lab::Lab;
#[cfg(doc)]
use super::newest::fetch_newest_engine;
use super::node::Node;
use crate::wait::{Seen, until};

/// How long the nodes may take to see each other.
const JOIN_LIMIT: Duration = Duration::from_mins(1);

/// How many engines of which kind; one manager and two workers by default.
#[derive(Clone, Copy, Debug)]
pub struct SwarmOptions {
    /// Managers; at least one.
    pub managers: u8,
    /// Workers.
    pub workers: u8,
    /// Engines beside the swarm that are in none.
    pub lone_engines: u8,
    /// The same, but the newest that Debian carries: see [`fetch_newest_engine`], which is to have
    /// been called.
    pub newest_engines: u8,
}

impl Default for SwarmOptions {
    fn default() -> Self {
        Self { managers: 1, workers: 2, lone_engines: 0, newest_engines: 0 }
    }
}

/// A swarm that this process owns.
///
/// It ends with its owner: by [`Swarm::stop`], by being dropped (which blocks until nothing is
/// left), or by the owner's death, even by SIGKILL. Everything else is on [`SwarmHandle`].
#[derive(Debug)]
pub struct Swarm {
    lab: Lab,
    handle: SwarmHandle,
}

impl Swarm {
    /// Sweeps what dead owners left, then starts engines and joins them to a swarm; returns when
    /// every node is ready.
    ///
    /// # Errors
    ///
    /// Not root, a program is missing, or an engine does not come up; then nothing is left.
    pub async fn start(options: SwarmOptions) -> Result<Self> {
        let opened = spawn_blocking(Lab::open).await;
        let lab =
            opened.map_err(|error| Failure::system("cannot open a lab").caused_by(error))??;
        let handle = SwarmHandle::plan(lab.site(), options)?;
        let swarm = Self { lab, handle };
        cables::lay(swarm.lab.site()).await?;
        try_join_all(swarm.nodes().iter().map(|node| async {
            node.install(swarm.authority())?;
            node.start().await
        }))
        .await?;
        swarm.form().await?;
        swarm.describe()?;
        Ok(swarm)
    }

    /// Takes everything down; returns when nothing is left.
    ///
    /// # Errors
    ///
    /// Something could not be removed; the next start tries again.
    pub async fn stop(mut self) -> Result<()> {
        let stopped = spawn_blocking(move || self.lab.close()).await;
        stopped.map_err(|error| Failure::system("cannot close the lab").caused_by(error))?
    }

    async fn form(&self) -> Result<()> {
        let first = self.manager();
        let address = first.ip.to_string();
        first.docker(&["swarm", "init", "--advertise-addr", &address]).await?;
        // Managers one by one: each changes who must agree to the next.
        for manager in self.managers().skip(1) {
            self.join(manager, "manager").await?;
        }
        try_join_all(self.workers().map(|worker| self.join(worker, "worker"))).await?;
        let expected = self.managers().chain(self.workers()).count();
        until("all nodes to be ready", JOIN_LIMIT, async || {
            let listed = first.docker(&["node", "ls", "--format", "{{.Hostname}} {{.Status}}"]);
            match Seen::from_result(listed.await) {
                Seen::Ready(nodes) if all_ready(&nodes, expected) => Seen::Ready(()),
                Seen::Ready(nodes) => Seen::NotYet(nodes),
                Seen::NotYet(failure) | Seen::Never(failure) => Seen::NotYet(failure),
            }
        })
        .await
    }

    async fn join(&self, node: &Node, role: &str) -> Result<()> {
        let token = self.manager().docker(&["swarm", "join-token", "--quiet", role]).await?;
        let (own, manager) = (node.ip.to_string(), format!("{}:2377", self.manager().ip));
        let join = ["swarm", "join", "--advertise-addr", &own, "--token", &token, &manager];
        node.docker(&join).await.map(drop)
    }

    fn describe(&self) -> Result<()> {
        let path = self.description();
        let written = serde_json::to_vec(&self.handle)
            .map_err(std::io::Error::from)
            .and_then(|text| fs::write(&path, text));
        written.map_err(|error| {
            Failure::system(format!("cannot write {}", path.display())).caused_by(error)
        })
    }
}

impl Deref for Swarm {
    type Target = SwarmHandle;

    fn deref(&self) -> &SwarmHandle {
        &self.handle
    }
}

fn all_ready(nodes: &str, expected: usize) -> bool {
    nodes.lines().count() == expected && nodes.lines().all(|node| node.ends_with(" Ready"))
}

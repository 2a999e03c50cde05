//! A swarm: its owner, and the view of it that other processes share.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::future::try_join_all;
use job::{Failure, Result};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::cables;
use super::lab::Lab;
use super::node::{Node, Role};
use super::site::Site;
use crate::images::Archive;
use crate::pki::{Authority, Identity};
use crate::wait::{Seen, until};

/// The environment variable that names a running swarm's description.
pub const VARIABLE: &str = "SWARM_TESTKIT";

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
}

impl Default for SwarmOptions {
    fn default() -> Self {
        Self { managers: 1, workers: 2, lone_engines: 0 }
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
        cables::lay(swarm.handle.site).await?;
        try_join_all(swarm.nodes().iter().map(|node| async {
            node.install(&swarm.authority)?;
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

/// A running swarm, as its owner and any other process of root's on this machine see it.
///
/// The description holds the authority's key, so that every process can issue itself certificates,
/// good and bad; a client's key is on no disk until somebody writes it there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SwarmHandle {
    site: Site,
    authority: Authority,
    nodes: Vec<Node>,
}

impl SwarmHandle {
    fn plan(site: Site, options: SwarmOptions) -> Result<Self> {
        if options.managers == 0 {
            return Err(Failure::system("a swarm needs a manager"));
        }
        let kinds = [
            (Role::Manager, "manager", options.managers),
            (Role::Worker, "worker", options.workers),
            (Role::Lone, "engine", options.lone_engines),
        ];
        let named = kinds.into_iter().flat_map(|(role, kind, count)| {
            (1..=count).map(move |number| (role, format!("{kind}{number}")))
        });
        let nodes =
            (0..).zip(named).map(|(index, (role, name))| Node::new(site, index, name, role));
        let nodes = nodes.collect();
        Ok(Self { site, authority: Authority::new("swarm testkit")?, nodes })
    }

    /// Attaches to the swarm that [`VARIABLE`] names.
    ///
    /// # Errors
    ///
    /// The variable is not set, or the swarm it names is gone.
    pub fn attach_from_env() -> Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "this variable is the tests' own")]
        let path = std::env::var_os(VARIABLE).ok_or_else(|| {
            Failure::system(format!("{VARIABLE} is not set, so there is no swarm to test on"))
                .hint("run `cargo xtask test`, which starts one")
        })?;
        Self::attach(Path::new(&path))
    }

    /// Attaches to the swarm with this description.
    ///
    /// # Errors
    ///
    /// The swarm is gone.
    pub fn attach(description: &Path) -> Result<Self> {
        let gone = || Failure::system(format!("no swarm runs at {}", description.display()));
        let text = fs::read(description).map_err(|error| gone().caused_by(error))?;
        let handle: Self =
            serde_json::from_slice(&text).map_err(|error| gone().caused_by(error))?;
        if handle.site.process.is_alive() { Ok(handle) } else { Err(gone()) }
    }

    /// The file that [`VARIABLE`] has to name for other processes to attach.
    pub fn description(&self) -> PathBuf {
        self.site.state().join("swarm.json")
    }

    /// The first manager.
    pub fn manager(&self) -> &Node {
        &self.nodes[0]
    }

    /// All managers, the first one first.
    pub fn managers(&self) -> impl Iterator<Item = &Node> {
        self.in_role(Role::Manager)
    }

    /// All workers.
    pub fn workers(&self) -> impl Iterator<Item = &Node> {
        self.in_role(Role::Worker)
    }

    /// The engines that are in no swarm.
    pub fn lone_engines(&self) -> impl Iterator<Item = &Node> {
        self.in_role(Role::Lone)
    }

    /// Every engine: managers, workers, lone ones.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The authority that all engines trust and that has signed their certificates.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// A new client identity that all engines accept.
    ///
    /// # Errors
    ///
    /// The machine has no randomness to give.
    pub fn client(&self) -> Result<Identity> {
        self.authority.client("swarm testkit client").issue()
    }

    /// Loads images into every engine, all at once.
    ///
    /// # Errors
    ///
    /// An engine refuses the archive or can't be reached.
    pub async fn load(&self, archive: &Archive) -> Result<()> {
        try_join_all(self.nodes.iter().map(|node| node.load(archive))).await.map(drop)
    }

    /// An endpoint on the nodes' network that refuses every connection at once.
    pub fn refusing_endpoint(&self) -> String {
        format!("tcp://{}:2376", self.site.switch())
    }

    /// An endpoint on the nodes' network that swallows every packet: a connection to it ends only
    /// with the patience of whoever tries.
    pub fn silent_endpoint(&self) -> String {
        format!("tcp://{}:2376", self.site.silent())
    }

    pub(super) fn site(&self) -> Site {
        self.site
    }

    fn in_role(&self, role: Role) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(move |node| node.role == role)
    }
}

//! The view of a running swarm that its owner and all other processes share.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use futures::future::try_join_all;
use job::{Failure, Result};
use serde::{Deserialize, Serialize};

use super::node::{Node, Role};
use super::site::Site;
use super::swarm::SwarmOptions;
use crate::images::Archive;
use crate::pki::{Authority, Identity};

/// The environment variable that names a running swarm's description.
pub const VARIABLE: &str = "SWARM_TESTKIT";

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
    pub(super) fn plan(site: Site, options: SwarmOptions) -> Result<Self> {
        if options.managers == 0 {
            return Err(Failure::system("a swarm needs a manager"));
        }
        let kinds = [
            (Role::Manager, "manager", options.managers),
            (Role::Worker, "worker", options.workers),
            (Role::Lone, "engine", options.lone_engines),
            (Role::Newest, "newest", options.newest_engines),
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

    /// The engines in no swarm that are this machine's own.
    pub fn lone_engines(&self) -> impl Iterator<Item = &Node> {
        self.in_role(Role::Lone)
    }

    /// The engines in no swarm that are the newest that Debian carries.
    pub fn newest_engines(&self) -> impl Iterator<Item = &Node> {
        self.in_role(Role::Newest)
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

    /// This machine's address on the nodes' network: what listens there is reached by every node, and by
    /// the containers on it.
    pub fn runner_address(&self) -> Ipv4Addr {
        self.site.runner()
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

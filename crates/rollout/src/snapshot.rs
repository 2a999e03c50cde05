//! What one look at the swarm shows: a service, its tasks, the nodes. Plain data.
//!
//! Only what somebody judges, tells or undoes by is read; the rest of a specification is kept as it
//! came, so that it can be compared and given back whole. Times within a watch are durations since
//! it began, by a clock that never goes back; the swarm's own clock is compared with itself only.

mod node;
pub mod read;
mod service;
mod spec;
mod task;

use std::sync::Arc;
use std::time::Duration;

pub use node::{Availability, Node, Platform};
pub use service::{JobStatus, Service, Update, UpdateState};
pub use spec::{FailureAction, Healthcheck, Mode, Order, Port, PublishMode, Spec, UpdateConfig};
pub use task::{Task, TaskState};

/// One service as one look at the swarm shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// When, since the watch began.
    pub at: Duration,
    /// The service; none once the cluster says that there is none.
    pub service: Option<Service>,
    /// Its tasks, as many as the swarm still remembers: of each slot the last five by default
    /// (<https://docs.docker.com/reference/cli/docker/swarm/init/#task-history-limit>).
    pub tasks: Vec<Task>,
    /// All of the swarm's nodes.
    pub nodes: Arc<[Node]>,
    /// Networks on which endpoints of a removed service are still known. Of a service that is there
    /// nobody asks.
    pub lingering: Vec<String>,
}

impl Snapshot {
    /// The node with this ID.
    pub fn node(&self, id: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == id)
    }
}

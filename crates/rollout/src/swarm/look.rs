//! One look at several services at once: three requests, whatever their number; a fourth for the
//! nodes, which change seldom.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use job::Result;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Swarm, accepted, understood};
use crate::snapshot::{Node, Service, Snapshot, Task, read};

/// For how long a list of nodes counts.
const NODES_COUNT: Duration = Duration::from_secs(2);

/// A service to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its ID.
    pub id: String,
    /// Its name, by which its tasks are found when it is gone.
    pub name: String,
    /// Its networks, on which endpoints are looked for when it is gone.
    pub networks: Vec<String>,
}

/// Looks, one after the other.
#[derive(Default)]
pub struct Look {
    nodes: Arc<[Node]>,
    /// When the nodes were listed.
    listed: Option<Duration>,
}

impl Look {
    /// Looks at services. The snapshots are in the order of `wanted`, and all of the time `at`.
    ///
    /// # Errors
    /// No manager answers, or none that makes sense.
    pub async fn at(
        &mut self,
        swarm: &Swarm,
        wanted: &[Wanted],
        at: Duration,
    ) -> Result<Vec<Snapshot>> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        self.list_nodes(swarm, at).await?;
        let ids: Vec<_> = wanted.iter().map(|wanted| wanted.id.as_str()).collect();
        let services = swarm.services_of(&ids).await?;
        let mut services: HashMap<_, _> =
            services.into_iter().map(|service| (service.id.clone(), service)).collect();
        let mut tasks = swarm.tasks_of(wanted).await?;
        let mut snapshots = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            let service = services.remove(&wanted.id);
            let tasks = tasks.remove(&wanted.id).unwrap_or_default();
            let lingering = swarm.lingering(wanted, service.as_ref(), &tasks).await?;
            let nodes = Arc::clone(&self.nodes);
            snapshots.push(Snapshot { at, service, tasks, nodes, lingering });
        }
        Ok(snapshots)
    }

    /// The nodes as they were last listed.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    async fn list_nodes(&mut self, swarm: &Swarm, at: Duration) -> Result<()> {
        if self.listed.is_none_or(|listed| at.saturating_sub(listed) >= NODES_COUNT) {
            self.nodes = swarm.nodes().await?.into();
            self.listed = Some(at);
        }
        Ok(())
    }
}

impl Swarm {
    /// The IDs of a service's tasks.
    ///
    /// # Errors
    /// No manager answers, or none that makes sense.
    pub async fn task_ids(&self, service: &Service) -> Result<BTreeSet<String>> {
        let filter = json!({ "service": [service.id] });
        self.listed("/tasks", Some(filter), read::ids).await
    }

    /// The tasks of these services, and of others whose names begin like theirs, by the service's ID.
    /// The filter `service` would refuse the ID of a service that is gone
    /// (`GetTasks` in <https://github.com/moby/moby/blob/v28.5.2/daemon/cluster/tasks.go>).
    async fn tasks_of(&self, wanted: &[Wanted]) -> Result<HashMap<String, Vec<Task>>> {
        let names: Vec<_> = wanted.iter().map(|wanted| wanted.name.as_str()).collect();
        let filter = json!({ "name": names, "_up-to-date": ["true"] });
        let up_to_date = self.listed("/tasks", Some(filter), read::ids).await?;
        let filter = json!({ "name": names });
        let tasks =
            self.listed("/tasks", Some(filter), |json| read::tasks(json, &up_to_date)).await?;
        let mut by_service: HashMap<String, Vec<Task>> = HashMap::new();
        for (service, task) in tasks {
            by_service.entry(service).or_default().push(task);
        }
        Ok(by_service)
    }

    /// The networks on which a service that is gone, and its tasks with it, still has endpoints, as
    /// far as this manager knows.
    async fn lingering(
        &self,
        wanted: &Wanted,
        service: Option<&Service>,
        tasks: &[Task],
    ) -> Result<Vec<String>> {
        let mut lingering = Vec::new();
        if service.is_some() || tasks.iter().any(|task| !task.state.is_terminal()) {
            return Ok(lingering);
        }
        for network in &wanted.networks {
            if self.has_endpoints(network, &wanted.name).await? {
                lingering.push(network.clone());
            }
        }
        Ok(lingering)
    }

    async fn has_endpoints(&self, network: &str, service: &str) -> Result<bool> {
        let network = utf8_percent_encode(network, NON_ALPHANUMERIC);
        let path = format!("/networks/{network}?verbose=true");
        let answer = self.ask(Method::GET, &path, None).await?;
        if answer.status == http::StatusCode::NOT_FOUND {
            return Ok(false);
        }
        let known: Endpoints = understood(&accepted(answer)?, |json| serde_json::from_slice(json))?;
        Ok(known.services.is_some_and(|services| services.contains_key(service)))
    }
}

/// What `GET /networks/{id}?verbose=true` knows of services
/// (<https://docs.docker.com/reference/api/engine/version/v1.45/#tag/Network/operation/NetworkInspect>).
#[derive(Deserialize)]
struct Endpoints {
    #[serde(rename = "Services")]
    services: Option<BTreeMap<String, Value>>,
}

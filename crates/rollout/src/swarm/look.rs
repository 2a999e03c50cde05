//! One look at several services at once: three requests, whatever their number; a fourth for the
//! nodes, which change seldom, or for a network of services that are gone.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use job::Result;
use serde_json::json;

use super::Swarm;
use super::lingering::Lingering;
use super::specs::Specs;
use crate::expectation::Expectation;
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
    lingering: Lingering,
    specs: Specs,
}

impl Look {
    /// Makes nothing that an expectation has already.
    pub fn know(&mut self, expectations: &[Expectation]) {
        for expectation in expectations {
            self.specs.know(expectation);
        }
    }

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
        let services = swarm.services_of(&ids, &mut self.specs).await?;
        let mut services: HashMap<_, _> =
            services.into_iter().map(|service| (service.id.clone(), service)).collect();
        let mut tasks = swarm.tasks_of(wanted).await?;
        let snapshot = |wanted: &Wanted| Snapshot {
            at,
            service: services.remove(&wanted.id),
            tasks: tasks.remove(&wanted.id).unwrap_or_default(),
            nodes: Arc::clone(&self.nodes),
            lingering: Vec::new(),
        };
        let mut snapshots: Vec<_> = wanted.iter().map(snapshot).collect();
        self.lingering.note(wanted, &mut snapshots, swarm).await?;
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
}

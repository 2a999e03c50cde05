//! A service under observation.

use std::fmt::Write;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use job::{Failure, Result};
use serde_json::{Value, json};
use testkit::nodes::{Answer, Node};
use testkit::wait::{Seen, until};

/// Longest wait for what a swarm does within seconds when the machine isn't busy.
pub(crate) const LIMIT: Duration = Duration::from_mins(3);

/// A service that is removed when this is dropped.
pub(crate) struct Service {
    pub(crate) node: Node,
    pub(crate) name: String,
    pub(crate) id: String,
}

/// What one look saw.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) service: Value,
    pub(crate) tasks: Vec<Value>,
}

impl Service {
    /// Creates it with these arguments of `docker service create`, the image among them.
    pub(crate) async fn create(node: &Node, arguments: &[&str]) -> Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("fact{}x{count}", std::process::id());
        let create = ["service", "create", "--detach", "--quiet", "--no-resolve-image", "--name"];
        let id = node.docker(&[&create[..], &[&name], arguments].concat()).await?;
        Ok(Self { node: node.clone(), name, id })
    }

    /// `docker service update` with these arguments.
    pub(crate) async fn update(&self, arguments: &[&str]) -> Result<()> {
        let update = ["service", "update", "--detach", "--quiet", "--no-resolve-image"];
        self.node.docker(&[&update[..], arguments, &[&self.name]].concat()).await.map(drop)
    }

    pub(crate) async fn scale(&self, replicas: u64) -> Result<()> {
        self.update(&["--replicas", &replicas.to_string()]).await
    }

    pub(crate) async fn remove(&self) -> Result<()> {
        self.node.docker(&["service", "rm", &self.name]).await.map(drop)
    }

    /// The service as JSON.
    pub(crate) async fn inspect(&self) -> Result<Value> {
        Ok(self.node.get(&format!("/services/{}", self.id)).await?.body)
    }

    /// Asks for tasks, by the names and values of filters.
    pub(crate) async fn filtered(&self, filters: &[(&str, &str)]) -> Result<Answer> {
        tasks(&self.node, filters).await
    }

    /// Its tasks, by the filter that needs no service to be there.
    pub(crate) async fn tasks(&self) -> Result<Vec<Value>> {
        self.own(&[("name", &self.name)]).await
    }

    /// Its tasks of today's specification.
    pub(crate) async fn up_to_date(&self) -> Result<Vec<Value>> {
        self.own(&[("name", &self.name), ("_up-to-date", "true")]).await
    }

    async fn own(&self, filters: &[(&str, &str)]) -> Result<Vec<Value>> {
        let answer = self.filtered(filters).await?.body;
        let Value::Array(mut tasks) = answer else {
            return Err(Failure::system(format!("tasks of {}: {answer}", self.name)));
        };
        tasks.retain(|task| task["ServiceID"] == self.id.as_str());
        tasks.sort_by_key(|task| task["CreatedAt"].as_str().map(str::to_owned));
        Ok(tasks)
    }

    pub(crate) async fn look(&self) -> Result<Look> {
        Ok(Look { service: self.inspect().await?, tasks: self.tasks().await? })
    }

    /// Looks until this is so.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Look) -> bool) -> Result<Look> {
        until(what, LIMIT, async || match self.look().await {
            Ok(look) if holds(&look) => Seen::Ready(look),
            Ok(look) => Seen::NotYet(look.shown()),
            Err(failure) => Seen::NotYet(failure.render()),
        })
        .await
    }

    /// Looks until so many tasks run, and are to.
    pub(crate) async fn until_running(&self, count: usize) -> Result<Look> {
        self.until(&format!("{count} running tasks"), |look| look.running() == count).await
    }

    /// Looks until the update is in this state.
    pub(crate) async fn until_update(&self, state: &str) -> Result<Look> {
        self.until(&format!("an update that is {state}"), |look| look.update_state() == state).await
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let mut command = self.node.docker_command().into_std();
        command.args(["service", "rm", &self.name]).stdout(Stdio::null()).stderr(Stdio::null());
        // It may be gone, by the fact itself.
        let _ = command.status();
    }
}

impl Look {
    pub(crate) fn running(&self) -> usize {
        let runs = |task: &&Value| {
            task["Status"]["State"] == "running" && task["DesiredState"] == "running"
        };
        self.tasks.iter().filter(runs).count()
    }

    /// How many tasks are in this state.
    pub(crate) fn count(&self, state: &str) -> usize {
        self.tasks.iter().filter(|task| task["Status"]["State"] == state).count()
    }

    pub(crate) fn update_state(&self) -> &str {
        self.service["UpdateStatus"]["State"].as_str().unwrap_or("none")
    }

    pub(crate) fn update_message(&self) -> &str {
        self.service["UpdateStatus"]["Message"].as_str().unwrap_or_default()
    }

    /// The errors of its tasks.
    pub(crate) fn errors(&self) -> Vec<&str> {
        self.tasks.iter().filter_map(|task| task["Status"]["Err"].as_str()).collect()
    }

    /// For the message of a wait that was in vain.
    fn shown(&self) -> String {
        let states = self.tasks.iter().map(|task| {
            format!(
                "{} of {}, {}",
                task["Status"]["State"], task["DesiredState"], task["Status"]["Err"]
            )
        });
        format!("{} {:?}", self.service["UpdateStatus"], states.collect::<Vec<_>>())
    }
}

/// Asks for tasks, by the names and values of filters.
pub(crate) async fn tasks(node: &Node, filters: &[(&str, &str)]) -> Result<Answer> {
    let mut map = json!({});
    for (name, value) in filters {
        map[name][value] = json!(true);
    }
    let encoded = map.to_string().bytes().fold(String::new(), |mut encoded, byte| {
        let _ = write!(encoded, "%{byte:02X}");
        encoded
    });
    node.get(&format!("/tasks?filters={encoded}")).await
}

/// The IDs of tasks, in their order.
pub(crate) fn ids(tasks: &[Value]) -> Vec<&str> {
    tasks.iter().filter_map(|task| task["ID"].as_str()).collect()
}

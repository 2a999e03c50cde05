//! A row's stack on a swarm: what is not the job's doing.

use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use job::{Failure, Result};
use serde_json::Value;
use tempfile::TempDir;
use testkit::nodes::{Node, SwarmHandle};
use testkit::wait::{Seen, until};
use tokio::process::Command;

use super::{Deploy, Other, Row};

/// How long a deploy that is good may take on a busy machine.
const SETTLE_LIMIT: Duration = Duration::from_mins(3);

/// A row's stack, under a name that no other stack has.
#[derive(Clone, Debug)]
pub struct Stack {
    /// The row.
    pub row: &'static Row,
    name: String,
}

impl Stack {
    /// Of this row.
    pub fn new(row: &'static Row) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self { row, name: format!("{}-{}x{count}", row.name, std::process::id()) }
    }

    /// The stack's name, `$STACK`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of its service.
    pub fn service(&self) -> String {
        format!("{}_web", self.name)
    }

    /// The text of a stack file.
    ///
    /// # Errors
    /// It is not in `tests/stacks`.
    pub fn file(deploy: Deploy) -> Result<String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("stacks").join(deploy.file);
        std::fs::read_to_string(&path).map_err(|error| {
            Failure::system(format!("cannot read {}", path.display())).caused_by(error)
        })
    }

    /// The variables that a script with this deploy at hand has.
    pub fn variables(&self, deploy: Deploy) -> impl Iterator<Item = (&str, &str)> {
        [("STACK", self.name())].into_iter().chain(deploy.variables.iter().copied())
    }

    /// Deploys what is before the job, waits until it runs, and does what happens between them.
    ///
    /// # Errors
    /// It doesn't settle.
    pub async fn set(&self, swarm: &SwarmHandle, manager: &Node) -> Result<()> {
        if let Some(before) = self.row.before {
            self.run(manager, before, super::DEPLOY).await?;
            self.settled(manager).await?;
        }
        self.happen(swarm, manager, self.row.earlier).await
    }

    /// Does what somebody else does once the job's script has ended.
    ///
    /// # Errors
    /// It can't be done.
    pub async fn meanwhile(&self, swarm: &SwarmHandle, manager: &Node) -> Result<()> {
        self.happen(swarm, manager, self.row.others).await
    }

    /// Runs lines of shell as the job would, without any job.
    ///
    /// # Errors
    /// One of them fails.
    pub async fn run(&self, manager: &Node, deploy: Deploy, lines: &[&str]) -> Result<()> {
        let cannot = || Failure::system(format!("cannot run the lines of {}", self.name));
        let directory = TempDir::with_prefix("stack-").map_err(|e| cannot().caused_by(e))?;
        let file = Self::file(deploy)?;
        std::fs::write(directory.path().join("stack.yml"), file)
            .map_err(|error| cannot().caused_by(error))?;
        let mut shell = Command::new("bash");
        shell.args(["-e", "-c", &lines.join("\n")]).current_dir(directory.path());
        shell.env("DOCKER_HOST", format!("unix://{}", manager.admin_socket().display()));
        shell.env("DOCKER_CONFIG", directory.path()).envs(self.variables(deploy));
        let output = shell.stdin(Stdio::null()).output().await;
        let output = output.map_err(|error| cannot().caused_by(error))?;
        if output.status.success() {
            return Ok(());
        }
        Err(cannot().caused_by(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }

    /// Removes the stack, as far as it is there; the nodes are as they were.
    ///
    /// # Errors
    /// A manager can't be asked, or a node doesn't come back.
    pub async fn clear(&self, swarm: &SwarmHandle, manager: &Node) -> Result<()> {
        manager.docker(&["stack", "rm", &self.name]).await?;
        for other in self.row.earlier.iter().chain(self.row.others) {
            match other {
                Other::DrainAWorker => {
                    make(manager, last_worker(swarm)?, "active").await?;
                }
                Other::KillAWorker { .. }
                | Other::KillTheLeader
                | Other::KillTheManager
                | Other::Line(_) => {}
            }
        }
        Ok(())
    }

    async fn happen(&self, swarm: &SwarmHandle, manager: &Node, others: &[Other]) -> Result<()> {
        for other in others {
            match other {
                Other::Line(line) => self.run(manager, self.row.change, &[line]).await?,
                Other::DrainAWorker => {
                    make(manager, last_worker(swarm)?, "drain").await?;
                    self.settled(manager).await?;
                }
                Other::KillAWorker { starting } => {
                    self.worker(swarm, manager, *starting).await?.kill().await?;
                }
                Other::KillTheLeader => swarm.leader().await?.kill().await?,
                Other::KillTheManager => manager.kill().await?,
            }
        }
        Ok(())
    }

    /// Waits for a worker that has tasks, of which one is being started, or none while another node
    /// starts one.
    async fn worker<'s>(
        &self,
        swarm: &'s SwarmHandle,
        manager: &Node,
        starting: bool,
    ) -> Result<&'s Node> {
        let wanted = ["--filter", "desired-state=running", "--filter", "desired-state=ready"];
        let list = ["service", "ps", "--format", "{{.Node}} {{.CurrentState}}"];
        let service = self.service();
        let list = [&list[..], &wanted, &[&service]].concat();
        until(&format!("a worker of {} to kill", self.name), SETTLE_LIMIT, async || {
            let tasks = match manager.docker(&list).await {
                Ok(tasks) => tasks,
                Err(failure) => return Seen::NotYet(failure.render()),
            };
            let tasks: Vec<_> = tasks.lines().filter_map(|task| task.split_once(' ')).collect();
            let is_starting = |state: &str| !state.starts_with("Running");
            let found = swarm.workers().find(|worker| {
                let own = tasks.iter().filter(|(node, _)| *node == worker.name);
                let starts: Vec<_> = own.map(|(_, state)| is_starting(state)).collect();
                !starts.is_empty() && starts.contains(&true) == starting
            });
            match found.filter(|_| tasks.iter().any(|(_, state)| is_starting(state))) {
                Some(worker) => Seen::Ready(worker),
                None => Seen::NotYet(format!("{tasks:?}")),
            }
        })
        .await
    }

    /// Waits until as many tasks run as are asked for.
    async fn settled(&self, manager: &Node) -> Result<()> {
        let service = self.service();
        until(&format!("{service} to run"), SETTLE_LIMIT, async || {
            let services = match manager.get("/services?status=true").await {
                Ok(answer) => answer.body,
                Err(failure) => return Seen::NotYet(failure.render()),
            };
            let found = services
                .as_array()
                .and_then(|all| all.iter().find(|one| one["Spec"]["Name"] == service.as_str()));
            match found.map(|service| &service["ServiceStatus"]) {
                Some(status) if has_all(status) => Seen::Ready(()),
                seen => Seen::NotYet(format!("{seen:?}")),
            }
        })
        .await
    }
}

fn has_all(status: &Value) -> bool {
    status["RunningTasks"].is_u64() && status["RunningTasks"] == status["DesiredTasks"]
}

fn last_worker(swarm: &SwarmHandle) -> Result<&Node> {
    swarm.workers().last().ok_or_else(|| Failure::system("the swarm has no worker"))
}

/// Changes whether the node may be given tasks. The managers write to their nodes all the time, and
/// whoever comes in between is told `update out of sequence`.
async fn make(manager: &Node, node: &Node, availability: &str) -> Result<()> {
    let update = ["node", "update", "--availability", availability, &node.name];
    until(&format!("{} to be {availability}", node.name), SETTLE_LIMIT, async || {
        Seen::from_result(manager.docker(&update).await)
    })
    .await
    .map(drop)
}

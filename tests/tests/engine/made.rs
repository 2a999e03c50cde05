//! Which containers were made for jobs, as the engine tells it: most are gone before anybody could
//! look at them.

use std::io::ErrorKind;
use std::process::Stdio;

use job::{Failure, Result};
use play::Job;
use testkit::nodes::Node;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

/// Hears of every container that is made on a node, from its own start on.
pub(crate) struct Made {
    node: Node,
    names: Lines<BufReader<ChildStdout>>,
    _docker: Child,
}

impl Made {
    pub(crate) fn on(node: &Node) -> Result<Self> {
        let mut docker = node.docker_command();
        docker.args(["events", "--filter=type=container", "--filter=event=create"]);
        docker.arg("--format={{.Actor.Attributes.name}}").stdout(Stdio::piped()).kill_on_drop(true);
        let cannot = |error| Failure::system("cannot watch the containers").caused_by(error);
        let mut child = docker.spawn().map_err(cannot)?;
        let names = child.stdout.take().ok_or_else(|| cannot(ErrorKind::BrokenPipe.into()))?;
        Ok(Self { node: node.clone(), names: BufReader::new(names).lines(), _docker: child })
    }

    /// The names of all of them up to now. The engine tells of them in its order, so that nothing is
    /// missed that comes before one of ours.
    pub(crate) async fn until_now(&mut self) -> Result<Vec<String>> {
        let id = self.node.docker(&["create", "job:sh"]).await?;
        let format = "--format={{.Name}}";
        let last = self.node.docker(&["inspect", format, id.trim()]).await?;
        self.node.docker(&["rm", id.trim()]).await?;
        let mut names = Vec::new();
        while let Ok(Some(name)) = self.names.next_line().await {
            if name == last.trim().trim_start_matches('/') {
                break;
            }
            names.push(name);
        }
        Ok(names)
    }
}

/// What the job's containers are for, beside the courier that brings the agent to an engine without
/// one.
pub(crate) fn roles_of<'a>(job: &Job, names: &'a [String]) -> Vec<&'a str> {
    let its = format!("swarm-executor-gitlab.example.com-{}-", job.id);
    let roles = names.iter().filter_map(|name| name.strip_prefix(&its));
    let mut roles: Vec<_> = roles.filter(|role| *role != "courier").collect();
    roles.sort_unstable();
    roles
}

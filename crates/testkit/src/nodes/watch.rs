//! Every container that an engine makes, however short its life.
//!
//! Each is inspected as soon as the engine tells that it was created. One that is gone by then has
//! not run, for a start takes longer than that; if it has after all, the watch says so and fails.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use job::{Failure, Result};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::ChildStdout;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::node::Node;

/// How long the last container may take to be looked at.
const LIMIT: Duration = Duration::from_secs(10);

/// What `docker events` is to tell: one container a line.
const FORMAT: &str = "{{.Actor.ID}}";

/// A container as the engine made it.
#[derive(Clone, Debug)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// The image, as it was asked for.
    pub image: String,
    /// Whether it may do whatever root may on the engine's machine.
    pub privileged: bool,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// Sees the containers of one engine from its own start on.
#[derive(Debug)]
pub struct ContainerWatch {
    node: Node,
    since: String,
    seen: watch::Receiver<Seen>,
    _watcher: AbortOnDropHandle<()>,
}

/// What was there when it was looked at, by the container's id.
type Seen = BTreeMap<String, Option<Container>>;

impl Node {
    /// Starts to watch which containers are made.
    ///
    /// # Errors
    ///
    /// The docker CLI can't be started.
    pub fn watch_containers(&self) -> Result<ContainerWatch> {
        let since = now();
        let mut docker = self.docker_command();
        docker.args(events("create", &since)).stdin(Stdio::null()).stdout(Stdio::piped());
        let cannot = || Failure::system(format!("cannot watch {}", self.name));
        let mut child =
            docker.kill_on_drop(true).spawn().map_err(|error| cannot().caused_by(error))?;
        let lines = child.stdout.take().ok_or_else(cannot)?;
        let (told, seen) = watch::channel(Seen::new());
        let node = self.clone();
        let watcher = tokio::spawn(async move {
            let _docker = child;
            look_at_each(&node, lines, &told).await;
        });
        let watcher = AbortOnDropHandle::new(watcher);
        Ok(ContainerWatch { node: self.clone(), since, seen, _watcher: watcher })
    }
}

impl ContainerWatch {
    /// The containers that were made since the watch began.
    ///
    /// # Errors
    ///
    /// The engine can't be asked, or a container has run that could not be looked at.
    pub async fn containers(&self) -> Result<Vec<Container>> {
        let (created, started) = (self.told("create").await?, self.told("start").await?);
        let mut seen = self.seen.clone();
        let all = seen.wait_for(|seen| created.iter().all(|id| seen.contains_key(id)));
        let all = tokio::time::timeout(LIMIT, all).await;
        let Ok(Ok(seen)) = all else {
            return Err(Failure::system(format!("the watch of {} has ended", self.node.name)));
        };
        let unseen = seen.iter().find(|(id, it)| it.is_none() && started.contains(*id));
        match unseen {
            Some((id, _)) => Err(Failure::system(format!("container {id} has run unseen"))),
            None => Ok(seen.values().flatten().cloned().collect()),
        }
    }

    async fn told(&self, event: &str) -> Result<BTreeSet<String>> {
        let mut arguments = events(event, &self.since);
        arguments.push(format!("--until={}", now()));
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let told = self.node.docker(&arguments).await?;
        Ok(told.lines().map(str::to_owned).collect())
    }
}

async fn look_at_each(node: &Node, lines: ChildStdout, told: &watch::Sender<Seen>) {
    let mut lines = BufReader::new(lines).lines();
    while let Ok(Some(id)) = lines.next_line().await {
        let container = node.container(&id).await;
        told.send_modify(|seen| drop(seen.insert(id, container)));
    }
}

impl Node {
    /// The container, unless it is gone.
    async fn container(&self, id: &str) -> Option<Container> {
        let told = self.docker(&["inspect", "--type=container", "--format={{json .}}", id]).await;
        let Told { name, config, host_config } = serde_json::from_str(&told.ok()?).ok()?;
        Some(Container {
            name: name.trim_start_matches('/').to_owned(),
            image: config.image,
            privileged: host_config.privileged,
            labels: config.labels,
        })
    }
}

/// The arguments of a docker CLI that tells which containers this happened to.
fn events(event: &str, since: &str) -> Vec<String> {
    vec![
        "events".into(),
        "--filter=type=container".into(),
        format!("--filter=event={event}"),
        format!("--format={FORMAT}"),
        format!("--since={since}"),
    ]
}

/// Seconds since 1970, as the engine takes them.
fn now() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:09}", now.as_secs(), now.subsec_nanos())
}

/// As `docker inspect` has it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    name: String,
    config: Config,
    host_config: HostConfig,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    image: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    privileged: bool,
}

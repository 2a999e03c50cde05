//! An engine that a scenario's containers run on, and the way there.

use std::fs;
use std::path::Path;

use job::{Failure, Result};
use play::{Job, Protocol, Runner};
use tempfile::{TempDir, TempPath};
use testkit::nodes::{ContainerWatch, Node};
use testkit::proxy::Proxy;

use crate::{Scenario, runner_with, settings};

/// The image of gitlab-runner's own stages.
pub const HELPER: &str = "gitlab-helper:test";

/// The label by which everything on an engine is known to be a job's.
const LABEL: &str = "swarm-executor.job";

/// A runner machine's settings with placement `engine`, and the engine that they lead to.
#[derive(Debug)]
pub struct Engine {
    /// Where the containers run.
    pub node: Node,
    settings: TempPath,
    /// Whose presence keeps the certificates there.
    _credentials: Option<TempDir>,
}

impl Engine {
    /// The swarm's own engine: the manager that the job's variables name.
    ///
    /// `more` is added to the section `[profile.default.engine]`, one key a line, as it is in the
    /// functions beside this one.
    ///
    /// # Errors
    /// There is no room for a settings file.
    pub fn of_the_cluster(scenario: &Scenario, more: &str) -> Result<Self> {
        Self::new(scenario.swarm.manager(), "", more, None)
    }

    /// The same, the profile having this as its `docker_access`.
    ///
    /// # Errors
    /// There is no room for a settings file.
    pub fn granting(scenario: &Scenario, access: &str) -> Result<Self> {
        let profile = format!("docker_access = \"{access}\"\n");
        Self::with(scenario.swarm.manager(), &profile, "", None)
    }

    /// Another engine, over mutual TLS with credentials of the runner machine.
    ///
    /// # Errors
    /// There is no room for settings or certificates.
    pub fn over_tls(scenario: &Scenario, node: &Node, more: &str) -> Result<Self> {
        Self::at(scenario, node, &node.endpoint(), more)
    }

    /// The same through a proxy that a scenario cuts and mends.
    ///
    /// # Errors
    /// There is no room for settings or certificates.
    pub fn through(scenario: &Scenario, node: &Node, proxy: &Proxy, more: &str) -> Result<Self> {
        Self::at(scenario, node, &proxy.endpoint(), more)
    }

    /// An engine by its unix socket, as if it were on the runner machine.
    ///
    /// # Errors
    /// There is no room for a settings file.
    pub fn by_socket(node: &Node, more: &str) -> Result<Self> {
        let way = format!("endpoint = \"unix://{}\"", node.admin_socket().display());
        Self::new(node, &way, more, None)
    }

    /// Whatever is at this address; the manager stands for it where it has to be asked what is left.
    ///
    /// # Errors
    /// There is no room for settings or certificates.
    pub fn elsewhere(scenario: &Scenario, endpoint: &str) -> Result<Self> {
        let node = scenario.swarm.manager();
        if endpoint.starts_with("unix:") {
            return Self::new(node, &format!("endpoint = \"{endpoint}\""), "", None);
        }
        Self::at(scenario, node, endpoint, "")
    }

    /// Every way to an engine outside the swarm that this machine has: the lone engine over mutual TLS
    /// and by its socket, and the newest engine where there is one.
    ///
    /// # Errors
    /// There is no room for settings or certificates.
    pub fn outside_the_swarm(scenario: &Scenario, more: &str) -> Result<Vec<Self>> {
        let swarm = &scenario.swarm;
        let by_socket = swarm.lone_engines().map(|node| Self::by_socket(node, more));
        let beside = swarm.lone_engines().chain(swarm.newest_engines());
        beside.map(|node| Self::over_tls(scenario, node, more)).chain(by_socket).collect()
    }

    /// The same with one more line in the section `[profile.default]`.
    ///
    /// # Errors
    /// The settings file can't be changed.
    pub fn profiled(self, line: &str) -> Result<Self> {
        let section = "[profile.default]\n";
        let changed = fs::read_to_string(&self.settings)
            .map(|text| text.replacen(section, &format!("{section}{line}\n"), 1))
            .and_then(|text| fs::write(&self.settings, text));
        let unchanged = |error| Failure::system("cannot change settings").caused_by(error);
        changed.map(|()| self).map_err(unchanged)
    }

    /// A runner with these settings.
    pub fn runner(&self, protocol: Protocol) -> Runner {
        runner_with(protocol, &["--settings", &self.settings().to_string_lossy()])
    }

    /// The settings file.
    pub fn settings(&self) -> &Path {
        &self.settings
    }

    /// What is left of a job on the engine: containers, networks and volumes that are labelled as its.
    /// What is kept between jobs has no such label.
    ///
    /// # Errors
    /// The engine can't be asked.
    pub async fn left_by(&self, job: &Job) -> Result<Vec<String>> {
        let filter = format!("label={LABEL}");
        let kinds = [
            ("container", &["container", "ls", "--all"][..], ".Names"),
            ("network", &["network", "ls"], ".Name"),
            ("volume", &["volume", "ls"], ".Name"),
        ];
        let mut left = Vec::new();
        for (kind, list, name) in kinds {
            let format = format!("{{{{.Label \"{LABEL}\"}}}} {{{{{name}}}}}");
            let list = [list, &["--filter", &filter, "--format", &format]].concat();
            let told = self.node.docker(&list).await?;
            let labelled = told.lines().filter_map(|line| line.split_once(' '));
            let its = labelled.filter(|(key, _)| is_of(key, job));
            left.extend(its.map(|(_, name)| format!("{kind} {name}")));
        }
        Ok(left)
    }

    fn at(scenario: &Scenario, node: &Node, endpoint: &str, more: &str) -> Result<Self> {
        let credentials = TempDir::with_prefix("credentials-").map_err(|error| {
            Failure::system("cannot make a directory for credentials").caused_by(error)
        })?;
        scenario.swarm.client()?.write_to(credentials.path())?;
        let directory = credentials.path().display();
        let way = format!("endpoint = \"{endpoint}\"\ncredentials.directory = \"{directory}\"");
        Self::new(node, &way, more, Some(credentials))
    }

    fn new(node: &Node, way: &str, more: &str, credentials: Option<TempDir>) -> Result<Self> {
        Self::with(node, "", &format!("{way}\n{more}"), credentials)
    }

    /// With more of the profile and of its engine. Images are on the engine already: there is no
    /// registry that they could come from.
    fn with(
        node: &Node,
        profile: &str,
        engine: &str,
        credentials: Option<TempDir>,
    ) -> Result<Self> {
        let settings = settings(&format!(
            "[profile.default]\nplacement = \"engine\"\n{profile}[profile.default.engine]\n\
             helper_image = \"{HELPER}\"\npull_policy = \"if-not-present\"\n{engine}\n"
        ))?;
        Ok(Self { node: node.clone(), settings, _credentials: credentials })
    }
}

/// The containers of a job that were privileged, by a watch that began before the job.
///
/// # Errors
/// The engine can't be asked, or a container could not be looked at.
pub async fn privileged(watch: &ContainerWatch, job: &Job) -> Result<Vec<String>> {
    let containers = watch.containers().await?.into_iter();
    let its = containers.filter(|it| it.labels.get(LABEL).is_some_and(|key| is_of(key, job)));
    Ok(its.filter(|it| it.privileged).map(|it| it.name).collect())
}

/// A job's key ends with its number, which no other job on this machine has.
fn is_of(key: &str, job: &Job) -> bool {
    key.ends_with(&format!("-{}", job.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_job_left_is_found_by_its_label_and_what_another_left_is_not() -> Result<()> {
        let scenario = Scenario::new()?;
        let lone = scenario.lone_engine()?;
        let engine = Engine::by_socket(lone, "")?;
        let (job, other) = (scenario.plain("mine", "job:sh"), scenario.plain("other", "job:sh"));
        let watch = lone.watch_containers()?;
        let name = format!("left-{}", job.id);
        let label = format!("--label={LABEL}=gitlab.example.com-{}", job.id);
        for (kind, rest) in
            [("network", &[name.as_str()][..]), ("volume", &[&name]), ("container", &["job:sh"])]
        {
            let named: &[&str] = if kind == "container" { &["--name", &name] } else { &[] };
            lone.docker(&[&[kind, "create", &label], named, rest].concat()).await?;
        }
        let left = ["container", "network", "volume"].map(|kind| format!("{kind} {name}"));
        assert_eq!(engine.left_by(&job).await?, left);
        assert!(engine.left_by(&other).await?.is_empty());
        assert!(privileged(&watch, &job).await?.is_empty());
        for kind in ["container", "network", "volume"] {
            lone.docker(&[kind, "rm", &name]).await?;
        }
        assert!(engine.left_by(&job).await?.is_empty());
        Ok(())
    }
}

//! What everything of a job is called on an engine, and how it is labelled.
//!
//! Names and labels derive from what GitLab says of the job, so that a retried prepare meets its own
//! work under the same names, and cleanup finds by one label whatever is left.

use std::collections::HashMap;

use job::JobKey;
use serde::{Deserialize, Serialize};

/// The label of whatever goes with its job; its value is the job's key.
pub const JOB_LABEL: &str = "swarm-executor.job";
/// The label that says what a thing is for.
pub const ROLE_LABEL: &str = "swarm-executor.role";
/// The label with the project's path.
pub const PROJECT_LABEL: &str = "swarm-executor.project";

/// What the names of all things start with, and the name of the network that jobs share.
pub(super) const PREFIX: &str = "swarm-executor";

/// What a container of a job is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Runs the job's own scripts, in the job's image.
    Build,
    /// Runs gitlab-runner's scripts: sources, cache, artifacts.
    Helper,
    /// The service of this number, from 0.
    Service(usize),
    /// Is never started; through it the agent gets into its volume.
    Courier,
}

/// What things other than containers are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Cache,
    Agent,
    Network,
}

/// One job's names and labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobMarks {
    key: JobKey,
    project_id: u64,
    project: String,
}

impl JobMarks {
    /// Those of the job with this key, of the project with this id and path.
    pub fn new(key: &JobKey, project_id: u64, project: &str) -> Self {
        Self { key: key.clone(), project_id, project: project.to_owned() }
    }

    /// The job's key.
    pub fn key(&self) -> &JobKey {
        &self.key
    }

    /// The name of the container in this role.
    pub fn container(&self, role: Role) -> String {
        match role {
            Role::Service(number) => self.named(&format!("service-{number}")),
            Role::Build | Role::Helper | Role::Courier => self.named(role.word()),
        }
    }

    /// The number of the service whose container has this name.
    pub(super) fn service_number(&self, name: &str) -> Option<usize> {
        name.strip_prefix(&self.named("service-"))?.parse().ok()
    }

    /// The name of the network that is this job's alone.
    pub fn network(&self) -> String {
        format!("{PREFIX}-{}", self.key)
    }

    /// The name of the volume with the job's sources.
    pub fn builds_volume(&self) -> String {
        self.named("builds")
    }

    /// The name of the volume with the caches of the job's project.
    ///
    /// It is told from those of other GitLab instances by the host, as the key has it.
    pub fn cache_volume(&self) -> String {
        let key = self.key.as_str();
        let host = key.rsplit_once('-').map_or(key, |(host, _)| host);
        format!("{PREFIX}-cache-{host}-{}", self.project_id)
    }

    /// The host name of the job's containers: one label of letters, digits and hyphens, of at most
    /// the 63 that it may have (<https://www.rfc-editor.org/rfc/rfc1123#page-13>), for a key has no
    /// more.
    pub fn host_name(&self) -> String {
        self.key.as_str().replace('.', "-")
    }

    /// The labels of a container.
    pub(super) fn of_container(&self, role: Role) -> HashMap<String, String> {
        self.of_the_job(role.word())
    }

    /// The labels of the volume with the job's sources.
    pub(super) fn of_builds(&self) -> HashMap<String, String> {
        self.of_the_job("builds")
    }

    /// The labels of a directory in memory.
    pub(super) fn of_memory(&self) -> HashMap<String, String> {
        self.of_the_job("memory")
    }

    /// The labels of the job's own network.
    pub(super) fn of_network(&self) -> HashMap<String, String> {
        self.of_the_job("network")
    }

    /// The labels of what outlives the job. Only a cache belongs to a project.
    pub(super) fn of_kept(&self, kept: Kept) -> HashMap<String, String> {
        match kept {
            Kept::Cache => labels([(ROLE_LABEL, "cache"), (PROJECT_LABEL, &self.project)]),
            Kept::Agent => labels([(ROLE_LABEL, "agent")]),
            Kept::Network => labels([(ROLE_LABEL, "network")]),
        }
    }

    fn of_the_job(&self, role: &str) -> HashMap<String, String> {
        let job = (JOB_LABEL, self.key.as_str());
        labels([job, (ROLE_LABEL, role), (PROJECT_LABEL, &self.project)])
    }

    fn named(&self, what: &str) -> String {
        format!("{PREFIX}-{}-{what}", self.key)
    }
}

impl Role {
    /// The word for it in labels.
    pub fn word(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Helper => "helper",
            Self::Service(_) => "service",
            Self::Courier => "courier",
        }
    }
}

/// What the engine is asked by for whatever goes with the job.
pub(super) fn by_job(key: &JobKey) -> HashMap<String, Vec<String>> {
    by_labels([(JOB_LABEL, key.as_str())])
}

/// What the engine is asked by for the job's services.
pub(super) fn by_service(key: &JobKey) -> HashMap<String, Vec<String>> {
    by_labels([(JOB_LABEL, key.as_str()), (ROLE_LABEL, "service")])
}

fn by_labels<const N: usize>(labels: [(&str, &str); N]) -> HashMap<String, Vec<String>> {
    let labels = labels.map(|(label, value)| format!("{label}={value}"));
    HashMap::from([("label".to_owned(), labels.into())])
}

fn labels<const N: usize>(labels: [(&str, &str); N]) -> HashMap<String, String> {
    labels.map(|(label, value)| (label.to_owned(), value.to_owned())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks() -> JobMarks {
        JobMarks::new(&JobKey::new("gitlab.example.com", 4711), 12, "group/project")
    }

    #[test]
    fn names_say_whose_they_are_and_what_for() {
        let marks = marks();
        for (name, expected) in [
            (marks.container(Role::Build), "swarm-executor-gitlab.example.com-4711-build"),
            (marks.container(Role::Helper), "swarm-executor-gitlab.example.com-4711-helper"),
            (marks.container(Role::Service(2)), "swarm-executor-gitlab.example.com-4711-service-2"),
            (marks.container(Role::Courier), "swarm-executor-gitlab.example.com-4711-courier"),
            (marks.network(), "swarm-executor-gitlab.example.com-4711"),
            (marks.builds_volume(), "swarm-executor-gitlab.example.com-4711-builds"),
            (marks.cache_volume(), "swarm-executor-cache-gitlab.example.com-12"),
            (marks.host_name(), "gitlab-example-com-4711"),
        ] {
            assert_eq!(name, expected);
        }
    }

    #[test]
    fn a_service_is_known_by_its_name() {
        let marks = marks();
        assert_eq!(marks.service_number(&marks.container(Role::Service(12))), Some(12));
        assert_eq!(marks.service_number(&marks.container(Role::Build)), None);
    }

    #[test]
    fn what_goes_with_the_job_bears_its_label_and_what_is_kept_does_not() {
        let marks = marks();
        for labels in [marks.of_container(Role::Build), marks.of_builds(), marks.of_network()] {
            assert_eq!(labels[JOB_LABEL], "gitlab.example.com-4711");
            assert_eq!(labels[PROJECT_LABEL], "group/project");
        }
        for kept in [Kept::Cache, Kept::Agent, Kept::Network] {
            assert!(!marks.of_kept(kept).contains_key(JOB_LABEL), "{kept:?}");
        }
        assert_eq!(by_job(marks.key())["label"], ["swarm-executor.job=gitlab.example.com-4711"]);
    }

    /// <https://github.com/moby/moby/blob/v28.5.2/daemon/names/names.go>
    #[test]
    fn the_names_of_any_job_are_what_an_engine_takes() {
        let host = "Ünï[cöde]/../with a very long name ".repeat(9);
        let marks = JobMarks::new(&JobKey::new(&host, u64::MAX), u64::MAX, "\"'\0\n🦀");
        let legal = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        for name in [marks.container(Role::Service(99)), marks.network(), marks.cache_volume()] {
            assert!(name.chars().all(legal) && name.len() < 128, "{name}");
        }
        let host_name = marks.host_name();
        assert!(host_name.len() <= 63, "{host_name}");
        assert!(host_name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{host_name}");
        assert_eq!(marks.of_builds()[PROJECT_LABEL], "\"'\0\n🦀");
    }
}

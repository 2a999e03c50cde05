//! What prepare tells run and cleanup of a job's containers.

use std::path::PathBuf;

use agent::link::Key;
use job::Stage;
use serde::{Deserialize, Serialize};

use super::offer::Offer;

/// What a job has on an engine.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct EngineRecord {
    /// Where the engine is, in the words of `DOCKER_HOST`.
    pub(crate) address: String,
    /// Whether it has answered prepare, so that something of the job may be there.
    pub(crate) answered: bool,
    /// The containers, once they are there.
    pub(crate) containers: Option<Containers>,
}

/// The containers that scripts run in.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Containers {
    /// The one of the job's image.
    pub(crate) build: Container,
    /// The one of the helper image, of a job that calls for it.
    pub(crate) helper: Option<Container>,
    /// The services, for those who want to read their logs.
    pub(crate) services: Vec<Service>,
    /// What the job's docker finds in the build container.
    pub(crate) offer: Offer,
}

impl Containers {
    /// The one for this part of the job. Without a helper container the build container stands in
    /// for it.
    pub(crate) fn of(&self, part: &Stage) -> &Container {
        self.helper_of(part).unwrap_or(&self.build)
    }

    /// The engine's ids of them all.
    pub(crate) fn ids(&self) -> Vec<String> {
        let services = self.services.iter().map(|service| &service.id);
        let scripts = [Some(&self.build), self.helper.as_ref()].into_iter().flatten();
        scripts.map(|container| &container.id).chain(services).cloned().collect()
    }

    /// The helper container, if this part of the job is for it.
    pub(crate) fn helper_of(&self, part: &Stage) -> Option<&Container> {
        self.helper.as_ref().filter(|_| part.runs_in_helper())
    }
}

/// A container whose first process is an agent.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Container {
    /// The engine's id of it.
    pub(crate) id: String,
    /// The command that, executed in it, connects stdin and stdout to the agent.
    pub(crate) bridge: Vec<String>,
    /// What comes before the shell on every command line: the image's ENTRYPOINT, or the job's.
    pub(crate) entrypoint: Vec<String>,
    /// The working directory that the image says.
    pub(crate) directory: PathBuf,
    /// Proves to the agent that it is `run` that speaks. It is of no use outside the container.
    pub(crate) key: Key,
}

/// A service's container.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Service {
    /// The engine's id of it.
    pub(crate) id: String,
    /// How a person knows it: its first alias.
    pub(crate) name: String,
}

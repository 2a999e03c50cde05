//! A service, as `GET /services/{id}` shows it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::Spec;

/// One service.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Its ID.
    pub id: String,
    /// Its version: rises with every write, those to [`Service::update`] among them.
    pub version: u64,
    /// What is asked for.
    pub spec: Arc<Spec>,
    /// What was asked for before the last update; none after a creation or a rollback.
    pub previous: Option<Arc<Spec>>,
    /// How the last update goes; none after a creation, and as long as an update hasn't made any
    /// task dirty.
    pub update: Option<Update>,
    /// Of the two job modes only.
    pub job: Option<JobStatus>,
    /// By the swarm's clock.
    pub created_at: Option<OffsetDateTime>,
    /// By the swarm's clock.
    pub updated_at: Option<OffsetDateTime>,
}

/// How an update or a rollback goes (`UpdateStatus`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// How far it is.
    pub state: UpdateState,
    /// When it began, by the swarm's clock; an automatic rollback keeps that of its update.
    pub started_at: Option<OffsetDateTime>,
    /// When it ended, by the swarm's clock.
    pub completed_at: Option<OffsetDateTime>,
    /// The orchestrator's own words.
    pub message: String,
}

/// How far an update or a rollback is
/// (<https://github.com/moby/swarmkit/blob/v2.1.1/api/types.proto>, `UpdateStatus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpdateState {
    /// Tasks are being replaced.
    Updating,
    /// It stopped after failures, as its failure action says.
    Paused,
    /// All tasks have been replaced, which doesn't mean that they run.
    Completed,
    /// Tasks are being replaced by those of the previous specification.
    RollbackStarted,
    /// The rollback itself has stopped after failures.
    RollbackPaused,
    /// All tasks are of the previous specification again.
    RollbackCompleted,
}

/// Which execution a service in a job mode is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobStatus {
    /// Rises with every execution; tasks bear the number of theirs.
    pub iteration: u64,
}

//! What a job did to a service, and so what the swarm is expected to do.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::snapshot::{Spec, Update};

/// One service that changed while a job's script ran, with its last change.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// The service's ID.
    pub id: String,
    /// The service's name.
    pub name: String,
    /// The stack that it belongs to.
    pub stack: Option<String>,
    /// What was done, all changes of this script taken together.
    pub deed: Deed,
    /// The service before the script's first change; none if there was none.
    pub before: Option<Before>,
    /// The service right after the script's last change; none if it was removed, or could not be
    /// looked at in time.
    pub after: Option<After>,
}

/// What was done to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// The job created it.
    Created,
    /// The job updated it.
    Updated,
    /// The job asked for the previous specification back (`docker service rollback`).
    RolledBack,
    /// The job removed it.
    Removed,
    /// It changed while the job ran, and not by way of the gateway.
    ChangedMeanwhile,
}

/// A service before a change.
#[derive(Clone, Debug, PartialEq)]
pub struct Before {
    /// What was asked for.
    pub spec: Arc<Spec>,
    /// Its version.
    pub version: u64,
    /// The IDs of its tasks.
    pub tasks: BTreeSet<String>,
}

/// A service right after a change.
#[derive(Clone, Debug, PartialEq)]
pub struct After {
    /// What is asked for.
    pub spec: Arc<Spec>,
    /// Its version.
    pub version: u64,
    /// How its update already goes.
    pub update: Option<Update>,
    /// When the change was accepted, by the swarm's clock (`UpdatedAt`).
    pub at: Option<time::OffsetDateTime>,
}

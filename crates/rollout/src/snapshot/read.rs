//! From the Docker API's JSON to plain data. What is absent or null is nothing, what is unknown is
//! skipped; only what can't be done without makes an object unreadable.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{
    Availability, JobStatus, Node, Platform, Service, Spec, Task, TaskState, Update, UpdateState,
};

impl Service {
    /// Reads one service of `GET /services`, or the answer to `GET /services/{id}`.
    pub fn read(json: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(json)
    }
}

/// Reads the answer to `GET /services`.
pub fn services(json: &[u8]) -> serde_json::Result<Vec<Service>> {
    let mut services = Vec::new();
    each_service(json, |service| services.push(service))?;
    Ok(services)
}

/// Reads the answer to `GET /services`, one service after the other: specifications are large, and what
/// `take` doesn't keep of one is gone before the next is read.
pub fn each_service(json: &[u8], take: impl FnMut(Service)) -> serde_json::Result<()> {
    let mut json = serde_json::Deserializer::from_slice(json);
    json.deserialize_seq(Each(take))?;
    json.end()
}

struct Each<F>(F);

impl<'de, F: FnMut(Service)> Visitor<'de> for Each<F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of services")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut services: A) -> Result<(), A::Error> {
        while let Some(service) = services.next_element()? {
            (self.0)(service);
        }
        Ok(())
    }
}

/// Reads the answer to `GET /nodes`.
pub fn nodes(json: &[u8]) -> serde_json::Result<Vec<Node>> {
    let nodes: Vec<RawNode> = serde_json::from_slice(json)?;
    Ok(nodes.into_iter().map(Node::from).collect())
}

/// Reads the answer to `GET /tasks`: tasks with the ID of their service. `up_to_date` has the IDs of
/// those that are.
pub fn tasks(
    json: &[u8],
    up_to_date: &BTreeSet<String>,
) -> serde_json::Result<Vec<(String, Task)>> {
    let tasks: Vec<RawTask> = serde_json::from_slice(json)?;
    let read = |raw: RawTask| (raw.service_id.clone(), raw.into_task(up_to_date));
    Ok(tasks.into_iter().map(read).collect())
}

/// Reads the IDs of what `GET /tasks` answers.
pub fn ids(json: &[u8]) -> serde_json::Result<BTreeSet<String>> {
    #[derive(Deserialize)]
    struct Identified {
        #[serde(rename = "ID")]
        id: String,
    }
    let tasks: Vec<Identified> = serde_json::from_slice(json)?;
    Ok(tasks.into_iter().map(|task| task.id).collect())
}

impl<'de> Deserialize<'de> for Service {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawService::deserialize(deserializer)?;
        let spec = |whole: Value| {
            Spec::read(whole).map(Arc::new).ok_or_else(|| {
                serde::de::Error::custom(format!("no specification of a service in {}", raw.id))
            })
        };
        Ok(Self {
            spec: spec(raw.spec)?,
            previous: raw.previous_spec.map(spec).transpose()?,
            id: raw.id,
            version: raw.version.index,
            update: raw.update_status.and_then(RawUpdate::into_update),
            job: raw.job_status.map(|job| JobStatus { iteration: job.job_iteration.index }),
            created_at: moment(raw.created_at.as_deref()),
            updated_at: moment(raw.updated_at.as_deref()),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawService {
    #[serde(rename = "ID")]
    id: String,
    version: Index,
    created_at: Option<String>,
    updated_at: Option<String>,
    spec: Value,
    previous_spec: Option<Value>,
    update_status: Option<RawUpdate>,
    job_status: Option<RawJob>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Index {
    index: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawJob {
    #[serde(default)]
    job_iteration: Index,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RawUpdate {
    state: String,
    started_at: Option<String>,
    completed_at: Option<String>,
    message: Option<String>,
}

impl RawUpdate {
    /// None for the empty object that some engines write for none.
    fn into_update(self) -> Option<Update> {
        let state = match self.state.as_str() {
            "updating" => UpdateState::Updating,
            "paused" => UpdateState::Paused,
            "completed" => UpdateState::Completed,
            "rollback_started" => UpdateState::RollbackStarted,
            "rollback_paused" => UpdateState::RollbackPaused,
            "rollback_completed" => UpdateState::RollbackCompleted,
            _ => return None,
        };
        Some(Update {
            state,
            started_at: moment(self.started_at.as_deref()),
            completed_at: moment(self.completed_at.as_deref()),
            message: self.message.unwrap_or_default(),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawTask {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "ServiceID", default)]
    service_id: String,
    #[serde(rename = "NodeID", default)]
    node_id: String,
    #[serde(default)]
    slot: u64,
    created_at: Option<String>,
    #[serde(default)]
    spec: RawTaskSpec,
    #[serde(default)]
    status: RawStatus,
    #[serde(default)]
    desired_state: String,
    job_iteration: Option<Index>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RawTaskSpec {
    container_spec: Option<RawContainerSpec>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RawContainerSpec {
    image: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RawStatus {
    timestamp: Option<String>,
    state: String,
    message: Option<String>,
    err: Option<String>,
    container_status: Option<RawContainerStatus>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RawContainerStatus {
    #[serde(rename = "ContainerID")]
    container_id: Option<String>,
    exit_code: Option<i64>,
}

impl RawTask {
    fn into_task(self, up_to_date: &BTreeSet<String>) -> Task {
        let state = state(&self.status.state);
        let RawContainerStatus { container_id, exit_code } =
            self.status.container_status.unwrap_or_default();
        let container = container_id.and_then(filled);
        let has_ended = state.is_terminal() && container.is_some();
        Task {
            up_to_date: up_to_date.contains(&self.id),
            id: self.id,
            slot: Some(self.slot).filter(|slot| *slot > 0),
            node: filled(self.node_id),
            state,
            desired: self::state(&self.desired_state),
            error: self.status.err.and_then(filled),
            message: self.status.message.unwrap_or_default(),
            // The engine writes 0 for a container that runs, or never did.
            exit_code: exit_code.filter(|code| *code != 0 || has_ended),
            container,
            image: self.spec.container_spec.unwrap_or_default().image,
            iteration: self.job_iteration.map(|iteration| iteration.index),
            created_at: moment(self.created_at.as_deref()),
            changed_at: moment(self.status.timestamp.as_deref()),
        }
    }
}

/// A state that this program doesn't know counts as the first one: nothing follows from it.
fn state(word: &str) -> TaskState {
    match word {
        "pending" => TaskState::Pending,
        "assigned" => TaskState::Assigned,
        "accepted" => TaskState::Accepted,
        "preparing" => TaskState::Preparing,
        "ready" => TaskState::Ready,
        "starting" => TaskState::Starting,
        "running" => TaskState::Running,
        "complete" => TaskState::Complete,
        "shutdown" => TaskState::Shutdown,
        "failed" => TaskState::Failed,
        "rejected" => TaskState::Rejected,
        "remove" => TaskState::Remove,
        "orphaned" => TaskState::Orphaned,
        _ => TaskState::New,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawNode {
    #[serde(rename = "ID")]
    id: String,
    #[serde(default)]
    spec: RawNodeSpec,
    #[serde(default)]
    description: RawDescription,
    #[serde(default)]
    status: RawNodeStatus,
    manager_status: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RawNodeSpec {
    availability: String,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RawDescription {
    hostname: String,
    platform: RawPlatform,
    engine: RawEngine,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawPlatform {
    #[serde(rename = "OS")]
    os: String,
    #[serde(rename = "Architecture")]
    architecture: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RawEngine {
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RawNodeStatus {
    state: String,
    addr: String,
}

impl From<RawNode> for Node {
    fn from(raw: RawNode) -> Self {
        let RawDescription { hostname, platform, engine } = raw.description;
        Self {
            id: raw.id,
            name: hostname,
            ready: raw.status.state == "ready",
            availability: match raw.spec.availability.as_str() {
                "drain" => Availability::Drain,
                "pause" => Availability::Pause,
                _ => Availability::Active,
            },
            manager: raw.manager_status.is_some_and(|status| !status.is_null()),
            address: raw.status.addr.parse().ok(),
            platform: Platform { os: platform.os, architecture: platform.architecture },
            labels: raw.spec.labels.unwrap_or_default(),
            engine_labels: engine.labels.unwrap_or_default(),
        }
    }
}

fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// Go writes the year 1 for no time at all.
fn moment(text: Option<&str>) -> Option<OffsetDateTime> {
    let moment = OffsetDateTime::parse(text?, &Rfc3339).ok()?;
    (moment.year() > 1).then_some(moment)
}

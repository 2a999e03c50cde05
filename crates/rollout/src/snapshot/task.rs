//! The tasks of a service, as `GET /tasks` lists them.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// One task: one attempt to fill a slot of a service, or a node's place in a global one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its ID.
    pub id: String,
    /// Which of the service's replicas it is; none in the global modes.
    pub slot: Option<u64>,
    /// The node that it was given to.
    pub node: Option<String>,
    /// How far it is.
    pub state: TaskState,
    /// How far it shall be.
    pub desired: TaskState,
    /// What is wrong with it: `task: non-zero exit (1)`, `no suitable node (…)`.
    pub error: Option<String>,
    /// The orchestrator's own words, `started`.
    pub message: String,
    /// The exit code of its container, where there is one.
    pub exit_code: Option<i64>,
    /// Its container.
    pub container: Option<String>,
    /// The image that it runs, as its specification has it.
    pub image: String,
    /// Whether it is of the service's specification of today, by the managers' own judgement (the
    /// filter `_up-to-date`, <https://github.com/moby/moby/blob/v28.5.2/daemon/cluster/filters.go>).
    pub up_to_date: bool,
    /// The execution that it belongs to, in the job modes.
    pub iteration: Option<u64>,
    /// By the swarm's clock.
    pub created_at: Option<OffsetDateTime>,
    /// When its state was last written, by the clock of its node.
    pub changed_at: Option<OffsetDateTime>,
}

/// How far a task is, or shall be, in the order of a task's life
/// (<https://docs.docker.com/engine/swarm/how-swarm-mode-works/swarm-task-states/>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// It was made.
    New,
    /// It waits for a node.
    Pending,
    /// It has a node.
    Assigned,
    /// The node has taken it.
    Accepted,
    /// The node gets ready for it, pulling its image.
    Preparing,
    /// It could be started.
    Ready,
    /// It is being started; with a health check, until that says healthy.
    Starting,
    /// It runs, and is healthy if it has a health check.
    Running,
    /// It has ended with exit code 0.
    Complete,
    /// It was asked to end, and has.
    Shutdown,
    /// It has ended otherwise.
    Failed,
    /// The node wouldn't have it.
    Rejected,
    /// It is to be forgotten.
    Remove,
    /// Its node has been away for too long.
    Orphaned,
}

impl TaskState {
    /// Whether nothing comes after it.
    pub fn is_terminal(self) -> bool {
        self > Self::Running
    }

    /// The word that the Docker API has for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Pending => "pending",
            Self::Assigned => "assigned",
            Self::Accepted => "accepted",
            Self::Preparing => "preparing",
            Self::Ready => "ready",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Shutdown => "shutdown",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Remove => "remove",
            Self::Orphaned => "orphaned",
        }
    }
}

impl Task {
    /// Whether it ended as it should not have.
    pub fn has_failed(&self) -> bool {
        matches!(self.state, TaskState::Failed | TaskState::Rejected | TaskState::Orphaned)
    }
}

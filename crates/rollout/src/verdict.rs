//! How a rollout ended, and what is known of why.

use std::time::Duration;

use serde::Serialize;

use crate::snapshot::TaskState;

/// How a rollout ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// Good, bad, or somebody else's.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// The tasks that failed, the latest failure of each slot first; those that a person should look
    /// at.
    pub failures: Vec<TaskFailure>,
    /// How long it took, from the first change on.
    pub took: Duration,
}

/// Good, bad, or somebody else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The swarm is as the job asked for.
    Succeeded,
    /// It isn't, and won't be.
    Failed,
    /// Somebody else changed the service before the end was known.
    Superseded,
}

/// Why a rollout ended as it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Reason {
    /// As many tasks as asked for run, and have done so for the stability time.
    Converged,
    /// Nothing of the tasks changed, and they run.
    Unchanged,
    /// Every task of the job mode, or of a one-shot service, has completed.
    Completed,
    /// No task runs, as asked for.
    ScaledToZero,
    /// It is gone, and so are its tasks.
    Removed,
    /// The previous specification is in force again, as the job asked for.
    RolledBackAsAsked,
    /// Somebody else updated the service.
    SupersededByUpdate,
    /// Somebody else removed it.
    RemovedByOthers,
    /// The orchestrator paused the update.
    Paused {
        /// Its words.
        message: String,
    },
    /// The orchestrator went back to the previous specification, and that runs again.
    RolledBack {
        /// Its words.
        message: String,
    },
    /// The orchestrator wanted to go back, and failed at that too.
    RollbackPaused {
        /// Its words.
        message: String,
    },
    /// Tasks of one slot end again and again.
    CrashLoop {
        /// How many of them ended.
        times: u64,
    },
    /// Tasks have ended, and by the restart policy nothing comes after them.
    Exhausted,
    /// The orchestrator says that the update is completed, but the tasks don't run.
    CompletedWithoutConvergence,
    /// A task of a job mode failed for good.
    JobFailed,
    /// Nothing went on for the progress deadline.
    NoProgress {
        /// The deadline.
        deadline: Duration,
        /// What is being waited for: `2 of 3 tasks run; no suitable node (…)`.
        stuck: String,
    },
    /// The total deadline passed.
    OutOfTime {
        /// The deadline.
        deadline: Duration,
        /// What was being waited for.
        stuck: String,
    },
}

impl Reason {
    /// Which outcome it makes.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Converged
            | Self::Unchanged
            | Self::Completed
            | Self::ScaledToZero
            | Self::Removed
            | Self::RolledBackAsAsked => Outcome::Succeeded,
            Self::SupersededByUpdate => Outcome::Superseded,
            Self::RemovedByOthers
            | Self::Paused { .. }
            | Self::RolledBack { .. }
            | Self::RollbackPaused { .. }
            | Self::CrashLoop { .. }
            | Self::Exhausted
            | Self::CompletedWithoutConvergence
            | Self::JobFailed
            | Self::NoProgress { .. }
            | Self::OutOfTime { .. } => Outcome::Failed,
        }
    }
}

/// One task that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskFailure {
    /// Its ID.
    pub task: String,
    /// Its slot.
    pub slot: Option<u64>,
    /// The ID of its node.
    pub node: Option<String>,
    /// How it ended, or where it is stuck.
    pub state: TaskState,
    /// The orchestrator's words.
    pub error: Option<String>,
    /// The exit code of its container.
    pub exit_code: Option<i64>,
    /// Its container.
    pub container: Option<String>,
}

/// How far a rollout is that has not ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// How many tasks of the new specification run (complete, in the job modes).
    pub reached: u64,
    /// How many shall.
    pub wanted: u64,
    /// What it does: `updating`, `rolling back`, `stable for 3s of 5s`, `2 of 3 tasks run`.
    pub phase: Phase,
    /// What is wrong, so far: the latest error of a task that is wanted.
    pub trouble: Option<String>,
}

/// What a rollout is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Phase {
    /// Tasks are on their way.
    #[default]
    Rolling,
    /// All run; whether they keep running is being waited for.
    Settling {
        /// For how long they have to run without a break.
        stability: Duration,
    },
    /// The orchestrator goes back to the previous specification.
    RollingBack {
        /// Its words.
        message: String,
    },
    /// Tasks are ending.
    Removing,
}

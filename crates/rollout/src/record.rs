//! What one script did to the swarm and what became of it: all that a report tells. Plain data.

mod texts;
pub mod timeline;

use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::advise::Advice;
use crate::expectation::Deed;
use crate::probe::Probed;
use crate::snapshot::{Mode, Spec, TaskState};
use crate::verdict::{Progress, TaskFailure, Verdict};

/// All rollouts of one script.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    /// Whose.
    pub job: Job,
    /// When the first change was about to be made, by this machine's clock.
    pub began: SystemTime,
    /// How long it took from then on, undoing included.
    pub took: Duration,
    /// Service by service, in the order of the first change.
    pub rollouts: Vec<Rollout>,
    /// What will drop requests, each once per service.
    pub advice: Vec<Advice>,
    /// What the requests met that were sent meanwhile.
    pub probe: Option<Probed>,
    /// Whether the watch was ended by a cancel.
    pub cancelled: bool,
}

/// The job, as GitLab calls it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// Its number.
    pub id: u64,
    /// The project's path, or its name.
    pub project: String,
    /// The commit.
    pub sha: String,
    /// Where the job is to be seen (`CI_JOB_URL`).
    pub url: Option<String>,
}

/// What became of one service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rollout {
    /// The service's ID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The stack that it belongs to.
    pub stack: Option<String>,
    /// What was done to it.
    pub deed: Deed,
    /// As it was; none if there was none.
    pub before: Option<Asked>,
    /// As it was to be; none if it was removed.
    pub after: Option<Asked>,
    /// How it ended; none where the watch was cancelled before that.
    pub verdict: Option<Verdict>,
    /// How far it was at the last look before the end.
    pub progress: Progress,
    /// What is known of the failures.
    pub explanations: Vec<Explanation>,
    /// Every task that was seen, in the order of slots and then of their beginning.
    pub tasks: Vec<TaskLine>,
    /// What became of taking it back, if that was tried.
    pub undone: Option<Undone>,
}

impl Rollout {
    /// Whether its tasks are to complete, not to run.
    pub fn is_job(&self) -> bool {
        let asked = self.after.as_ref().or(self.before.as_ref());
        asked.is_some_and(|asked| asked.mode.ends_with("-job"))
    }
}

/// What is asked for of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// The image, with its digest if there is one.
    pub image: String,
    /// How many tasks; none in the global modes.
    pub replicas: Option<u64>,
    /// `replicated`, `global`, `replicated-job`, `global-job`.
    pub mode: &'static str,
}

impl Asked {
    /// What a specification asks for.
    pub fn of(spec: &Spec) -> Self {
        let (mode, replicas) = match spec.mode {
            Mode::Replicated { replicas } => ("replicated", Some(replicas)),
            Mode::Global => ("global", None),
            Mode::ReplicatedJob { completions, .. } => ("replicated-job", Some(completions)),
            Mode::GlobalJob => ("global-job", None),
        };
        Self { image: spec.image.clone(), replicas, mode }
    }
}

/// A failure and what a person needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The failure.
    pub failure: TaskFailure,
    /// The host name of its node.
    pub node: Option<String>,
    /// The last lines of the task's log.
    pub log: Vec<String>,
    /// The last results of its health check, oldest first; only where the engine of the task's node
    /// could be asked.
    pub health: Vec<HealthResult>,
    /// What to do about it.
    pub hints: Vec<String>,
}

/// One run of a health check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthResult {
    /// When it ended, as the engine writes it.
    pub at: String,
    /// 0 for healthy.
    pub exit_code: i64,
    /// What it printed, at most 4096 bytes.
    pub output: String,
}

/// One task from its first sight to its last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskLine {
    /// Its ID.
    pub id: String,
    /// Its slot.
    pub slot: Option<u64>,
    /// The host name of its node.
    pub node: Option<String>,
    /// Whether it is of the specification that was asked for.
    pub new: bool,
    /// The image that it runs.
    pub image: String,
    /// Its states, each with the time since the watch began at which it was first seen.
    pub states: Vec<(Duration, TaskState)>,
    /// What was wrong with it in the end.
    pub error: Option<String>,
}

/// What became of taking a rollout back.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Undone {
    /// What was done.
    pub deed: UndoDeed,
    /// How that ended; none where it could not be done, or was cancelled.
    pub verdict: Option<Verdict>,
    /// Why it could not be done.
    pub error: Option<String>,
}

/// What is done to take a rollout back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UndoDeed {
    /// The specification of before is asked for again.
    Restored,
    /// The service was created by the job, and is removed.
    Removed,
    /// Nothing had to be done: the service is as it was.
    Nothing,
    /// The service was removed by the job, and is created anew.
    CreatedAnew,
}

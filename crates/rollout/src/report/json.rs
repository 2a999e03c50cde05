//! `rollout.json`: for programs, in a form that stays.
//!
//! The form has a version of its own, apart from the types of the record; docs/rollouts.md describes
//! it. New fields may come within a version, others stay as they are.

use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{advice, plain, sentence};
use crate::expectation::Deed;
use crate::probe::{Count, Outage, Probed};
use crate::record::{self, Explanation, HealthResult, Record, TaskLine, UndoDeed};
use crate::snapshot::TaskState;
use crate::verdict::{Outcome, Phase, Reason, TaskFailure};

const VERSION: u32 = 1;

/// The record as JSON.
pub fn json(record: &Record) -> String {
    let record = record.clone().with_texts(plain::text);
    // Only maps with other keys than texts and types that fail by themselves can't be written.
    serde_json::to_string_pretty(&Document::new(&record)).unwrap_or_default() + "\n"
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    job: &'a record::Job,
    began: String,
    took_seconds: f64,
    cancelled: bool,
    services: Vec<Service<'a>>,
    advice: Vec<Advice<'a>>,
    probe: Option<Probe<'a>>,
}

#[derive(Serialize)]
struct Service<'a> {
    id: &'a str,
    name: &'a str,
    stack: Option<&'a str>,
    deed: Deed,
    before: Option<&'a record::Asked>,
    after: Option<&'a record::Asked>,
    verdict: Option<Verdict<'a>>,
    progress: Progress<'a>,
    failures: Vec<Failure<'a>>,
    tasks: Vec<Task<'a>>,
    undone: Option<Undone<'a>>,
}

#[derive(Serialize)]
struct Verdict<'a> {
    outcome: Outcome,
    reason: &'static str,
    sentence: String,
    message: Option<&'a str>,
    took_seconds: f64,
}

#[derive(Serialize)]
struct Progress<'a> {
    phase: &'static str,
    reached: u64,
    wanted: u64,
    trouble: Option<&'a str>,
}

#[derive(Serialize)]
struct Failure<'a> {
    task: &'a str,
    slot: Option<u64>,
    node: Option<&'a str>,
    state: TaskState,
    exit_code: Option<i64>,
    error: Option<&'a str>,
    container: Option<&'a str>,
    log: &'a [String],
    health: &'a [HealthResult],
    hints: &'a [String],
}

#[derive(Serialize)]
struct Task<'a> {
    id: &'a str,
    slot: Option<u64>,
    node: Option<&'a str>,
    new: bool,
    image: &'a str,
    error: Option<&'a str>,
    states: Vec<State>,
}

#[derive(Serialize)]
struct State {
    at_seconds: f64,
    state: TaskState,
}

#[derive(Serialize)]
struct Undone<'a> {
    deed: UndoDeed,
    outcome: Option<Outcome>,
    reason: Option<&'static str>,
    took_seconds: Option<f64>,
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct Advice<'a> {
    service: &'a str,
    rule: String,
    reason: &'a str,
    lines: &'a str,
}

#[derive(Serialize)]
struct Probe<'a> {
    url: &'a str,
    fresh: Count,
    kept: Count,
    longest_gap_seconds: f64,
    outages: Vec<Gap<'a>>,
}

#[derive(Serialize)]
struct Gap<'a> {
    from_seconds: f64,
    until_seconds: f64,
    failed: u64,
    error: &'a str,
    meanwhile: &'a [String],
}

impl<'a> Document<'a> {
    fn new(record: &'a Record) -> Self {
        Self {
            version: VERSION,
            job: &record.job,
            began: OffsetDateTime::from(record.began).format(&Rfc3339).unwrap_or_default(),
            took_seconds: seconds(record.took),
            cancelled: record.cancelled,
            services: record.rollouts.iter().map(Service::new).collect(),
            advice: record.advice.iter().map(Advice::new).collect(),
            probe: record.probe.as_ref().map(Probe::new),
        }
    }
}

impl<'a> Service<'a> {
    fn new(rollout: &'a record::Rollout) -> Self {
        let known = |task: &str| rollout.explanations.iter().any(|it| it.failure.task == task);
        let explained = rollout.explanations.iter().map(Failure::explained);
        let bare = rollout.verdict.iter().flat_map(|verdict| &verdict.failures);
        let bare = bare.filter(|failure| !known(&failure.task)).map(Failure::bare);
        Self {
            id: &rollout.id,
            name: &rollout.name,
            stack: rollout.stack.as_deref(),
            deed: rollout.deed,
            before: rollout.before.as_ref(),
            after: rollout.after.as_ref(),
            verdict: rollout.verdict.as_ref().map(|verdict| Verdict {
                outcome: verdict.outcome,
                reason: kind(&verdict.reason),
                sentence: sentence::verdict(rollout),
                message: message(&verdict.reason),
                took_seconds: seconds(verdict.took),
            }),
            progress: Progress {
                phase: phase(&rollout.progress.phase),
                reached: rollout.progress.reached,
                wanted: rollout.progress.wanted,
                trouble: rollout.progress.trouble.as_deref(),
            },
            failures: explained.chain(bare).collect(),
            tasks: rollout.tasks.iter().map(Task::new).collect(),
            undone: rollout.undone.as_ref().map(Undone::new),
        }
    }
}

impl<'a> Failure<'a> {
    fn explained(explanation: &'a Explanation) -> Self {
        let bare = Self::bare(&explanation.failure);
        Self {
            node: explanation.node.as_deref().or(bare.node),
            log: &explanation.log,
            health: &explanation.health,
            hints: &explanation.hints,
            ..bare
        }
    }

    fn bare(failure: &'a TaskFailure) -> Self {
        Self {
            task: &failure.task,
            slot: failure.slot,
            node: failure.node.as_deref(),
            state: failure.state,
            exit_code: failure.exit_code,
            error: failure.error.as_deref(),
            container: failure.container.as_deref(),
            log: &[],
            health: &[],
            hints: &[],
        }
    }
}

impl<'a> Task<'a> {
    fn new(task: &'a TaskLine) -> Self {
        let state =
            |(at, state): &(Duration, TaskState)| State { at_seconds: seconds(*at), state: *state };
        Self {
            id: &task.id,
            slot: task.slot,
            node: task.node.as_deref(),
            new: task.new,
            image: &task.image,
            error: task.error.as_deref(),
            states: task.states.iter().map(state).collect(),
        }
    }
}

impl<'a> Undone<'a> {
    fn new(undone: &'a record::Undone) -> Self {
        let verdict = undone.verdict.as_ref();
        Self {
            deed: undone.deed,
            outcome: verdict.map(|verdict| verdict.outcome),
            reason: verdict.map(|verdict| kind(&verdict.reason)),
            took_seconds: verdict.map(|verdict| seconds(verdict.took)),
            error: undone.error.as_deref(),
        }
    }
}

impl<'a> Advice<'a> {
    fn new(advice: &'a crate::advise::Advice) -> Self {
        Self {
            service: &advice.service,
            rule: advice::rule(advice),
            reason: &advice.reason,
            lines: &advice.lines,
        }
    }
}

impl<'a> Probe<'a> {
    fn new(probed: &'a Probed) -> Self {
        Self {
            url: &probed.url,
            fresh: probed.fresh,
            kept: probed.kept,
            longest_gap_seconds: seconds(probed.longest_gap),
            outages: probed.outages.iter().map(Gap::new).collect(),
        }
    }
}

impl<'a> Gap<'a> {
    fn new(outage: &'a Outage) -> Self {
        Self {
            from_seconds: seconds(outage.from),
            until_seconds: seconds(outage.until),
            failed: outage.failed,
            error: &outage.error,
            meanwhile: &outage.meanwhile,
        }
    }
}

/// Whole milliseconds, as seconds.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

/// A reason's name, for programs.
pub(super) fn kind(reason: &Reason) -> &'static str {
    match reason {
        Reason::Converged => "converged",
        Reason::Unchanged => "unchanged",
        Reason::Completed => "completed",
        Reason::ScaledToZero => "scaled_to_zero",
        Reason::Removed => "removed",
        Reason::RolledBackAsAsked => "rolled_back_as_asked",
        Reason::SupersededByUpdate => "superseded_by_update",
        Reason::RemovedByOthers => "removed_by_others",
        Reason::Paused { .. } => "paused",
        Reason::RolledBack { .. } => "rolled_back",
        Reason::RollbackPaused { .. } => "rollback_paused",
        Reason::CrashLoop { .. } => "crash_loop",
        Reason::Exhausted => "exhausted",
        Reason::CompletedWithoutConvergence => "completed_without_convergence",
        Reason::JobFailed => "job_failed",
        Reason::NoProgress { .. } => "no_progress",
        Reason::OutOfTime { .. } => "out_of_time",
    }
}

fn message(reason: &Reason) -> Option<&str> {
    match reason {
        Reason::Paused { message }
        | Reason::RolledBack { message }
        | Reason::RollbackPaused { message } => Some(message),
        Reason::NoProgress { stuck, .. } | Reason::OutOfTime { stuck, .. } => Some(stuck),
        _ => None,
    }
}

fn phase(phase: &Phase) -> &'static str {
    match phase {
        Phase::Rolling => "rolling",
        Phase::Settling { .. } => "settling",
        Phase::RollingBack { .. } => "rolling_back",
        Phase::Removing => "removing",
    }
}

#[cfg(test)]
mod tests;

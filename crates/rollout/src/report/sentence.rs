//! Progress and verdicts in words.

use super::amount::{counted, duration, set};
use crate::expectation::Deed;
use crate::record::{Rollout, UndoDeed, Undone};
use crate::snapshot::TaskState;
use crate::verdict::{Outcome, Phase, Progress, Reason, TaskFailure, Verdict};

/// How far a rollout is: `2 of 3 tasks updated and running; no suitable node (…)`.
pub(super) fn progress(deed: Deed, is_job: bool, progress: &Progress) -> String {
    let (reached, wanted) = (progress.reached, progress.wanted);
    let share = format!("{reached} of {}", counted(wanted, "task"));
    let doing = match deed {
        _ if is_job => "complete",
        Deed::Updated => "updated and running",
        Deed::RolledBack => "back at the previous version and running",
        Deed::Created | Deed::Removed | Deed::ChangedMeanwhile => "running",
    };
    let mut words = match &progress.phase {
        Phase::Rolling if wanted == 0 => "waiting for its tasks to end".to_owned(),
        Phase::Rolling => format!("{share} {doing}"),
        Phase::Settling { stability } => {
            format!("{share} {doing}, and have to stay so for {}", set(*stability))
        }
        Phase::RollingBack { message } => {
            format!("the swarm goes back to the previous version, {share} running: {message}")
        }
        Phase::Removing if wanted == 0 && reached == 0 => "being removed".to_owned(),
        Phase::Removing if wanted == 0 => {
            format!("being removed, {} left", counted(reached, "task"))
        }
        Phase::Removing => format!("being removed, {share} gone"),
    };
    if let Some(trouble) = &progress.trouble {
        words.push_str("; ");
        words.push_str(trouble);
    }
    words
}

/// How a rollout ended, in one whole sentence.
pub(super) fn verdict(rollout: &Rollout) -> String {
    match &rollout.verdict {
        Some(verdict) => reason(rollout, verdict),
        None => format!(
            "The watch ended before the rollout of {} did: {}.",
            rollout.name,
            progress(rollout.deed, rollout.is_job(), &rollout.progress)
        ),
    }
}

fn reason(rollout: &Rollout, verdict: &Verdict) -> String {
    let name = &rollout.name;
    let (reached, wanted) = (rollout.progress.reached, rollout.progress.wanted);
    let share = format!("{reached} of {}", counted(wanted, "task"));
    match &verdict.reason {
        Reason::Converged => {
            format!("{name} is as asked for: {share} running, and they stayed so.")
        }
        Reason::Unchanged => format!("Nothing about the tasks of {name} changed, and they run."),
        Reason::Completed => format!("Every task of {name} has completed."),
        Reason::ScaledToZero => format!("No task of {name} runs any more, as asked for."),
        Reason::Removed => format!("{name} is gone, and so are its tasks."),
        Reason::RolledBackAsAsked => {
            format!("{name} is back at its previous version, as the job asked for.")
        }
        Reason::SupersededByUpdate => format!(
            "Somebody else updated {name} before this rollout had ended; how it would have ended is \
             not known."
        ),
        Reason::RemovedByOthers => {
            format!("Somebody else removed {name} before this rollout had ended.")
        }
        Reason::Paused { message } => with_message(
            format!(
                "The swarm paused the update of {name} and leaves old and new tasks as they are"
            ),
            message,
        ),
        Reason::RolledBack { message } => with_message(
            format!("The swarm took the update of {name} back, the previous version runs again"),
            message,
        ),
        Reason::RollbackPaused { message } => with_message(
            format!("The swarm wanted to take the update of {name} back and failed at that too"),
            message,
        ),
        Reason::CrashLoop { times } => format!(
            "Tasks of {name} end again and again, in one slot {times} times so far; the swarm would \
             go on for ever."
        ),
        Reason::Exhausted => format!(
            "Tasks of {name} have ended, and by its restart policy none come after them: {share} \
             running."
        ),
        Reason::CompletedWithoutConvergence => {
            format!("The swarm calls the update of {name} completed, but {share} are running.")
        }
        Reason::JobFailed => format!("A task of the job {name} failed for good."),
        Reason::NoProgress { deadline, stuck } => with_message(
            format!("The rollout of {name} made no progress for {}", set(*deadline)),
            stuck,
        ),
        Reason::OutOfTime { deadline, stuck } => with_message(
            format!("The rollout of {name} was not done after {}", set(*deadline)),
            stuck,
        ),
    }
}

/// The orchestrator's words at the end of a sentence.
fn with_message(sentence: String, message: &str) -> String {
    match message.trim().trim_end_matches('.') {
        "" => sentence + ".",
        message => format!("{sentence}: {message}."),
    }
}

/// A verdict in a word or two, for a table.
pub(super) fn word(verdict: Option<&Verdict>) -> &'static str {
    let Some(verdict) = verdict else {
        return "not ended";
    };
    match verdict.reason {
        Reason::Converged => "running",
        Reason::Unchanged => "unchanged",
        Reason::Completed => "completed",
        Reason::ScaledToZero => "scaled to 0",
        Reason::Removed => "removed",
        Reason::RolledBackAsAsked => "rolled back as asked",
        Reason::SupersededByUpdate => "superseded",
        Reason::RemovedByOthers => "removed by others",
        Reason::Paused { .. } => "update paused",
        Reason::RolledBack { .. } => "rolled back",
        Reason::RollbackPaused { .. } => "rollback failed",
        Reason::CrashLoop { .. } => "crash loop",
        Reason::Exhausted => "tasks ended",
        Reason::CompletedWithoutConvergence => "not running",
        Reason::JobFailed => "job failed",
        Reason::NoProgress { .. } => "no progress",
        Reason::OutOfTime { .. } => "out of time",
    }
}

/// `✓`, `✗`, or `–` for what nobody can say.
pub(super) fn sign(verdict: Option<&Verdict>) -> &'static str {
    match verdict.map(|verdict| verdict.outcome) {
        Some(Outcome::Succeeded) => "✓",
        Some(Outcome::Failed) => "✗",
        Some(Outcome::Superseded) | None => "–",
    }
}

/// What was done, in a word.
pub(super) fn deed(deed: Deed) -> &'static str {
    match deed {
        Deed::Created => "created",
        Deed::Updated => "updated",
        Deed::RolledBack => "rolled back",
        Deed::Removed => "removed",
        Deed::ChangedMeanwhile => "changed while this job ran",
    }
}

/// A failed task: `slot 2 on worker1 failed with exit code 1: task: non-zero exit (1)`.
pub(super) fn failure(failure: &TaskFailure, node: Option<&str>) -> String {
    let mut words = place(failure, node);
    words.push(' ');
    words.push_str(match failure.state {
        TaskState::Failed => "failed",
        TaskState::Rejected => "was rejected by the node",
        TaskState::Orphaned => "was lost with its node",
        TaskState::Complete => "ended",
        TaskState::Shutdown | TaskState::Remove => "was shut down",
        TaskState::Running => "runs",
        TaskState::New | TaskState::Pending => "waits for a node",
        TaskState::Assigned | TaskState::Accepted | TaskState::Ready => "waits for its start",
        TaskState::Preparing => "is getting its image",
        TaskState::Starting => "is starting",
    });
    if let Some(code) = failure.exit_code {
        words.push_str(" with exit code ");
        words.push_str(&code.to_string());
    }
    if let Some(error) = &failure.error {
        words.push_str(": ");
        words.push_str(error);
    }
    words
}

/// `slot 2 on worker1`, `the task on worker1` in the global modes.
pub(super) fn place(failure: &TaskFailure, node: Option<&str>) -> String {
    let slot = failure.slot.map_or_else(|| "the task".to_owned(), |slot| format!("slot {slot}"));
    match node.or(failure.node.as_deref()) {
        Some(node) => format!("{slot} on {node}"),
        None => slot,
    }
}

/// What became of taking a rollout back.
pub(super) fn undone(name: &str, undone: &Undone) -> String {
    let done = match undone.deed {
        UndoDeed::Restored => "its previous specification was asked for again",
        UndoDeed::Removed => "the job had created it, and it was removed",
        UndoDeed::Nothing => "nothing had to be done, it is as it was",
        UndoDeed::CreatedAnew => "the job had removed it, and it was created anew",
    };
    let end = match (&undone.error, &undone.verdict) {
        (Some(error), _) => format!("; that failed: {error}"),
        (None, Some(verdict)) => {
            format!("; {} after {}", word(Some(verdict)), duration(verdict.took))
        }
        (None, None) => String::new(),
    };
    format!("Taking {name} back: {done}{end}.")
}

#[cfg(test)]
mod tests;

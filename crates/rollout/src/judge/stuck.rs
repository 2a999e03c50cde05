//! What is being waited for, in words.

use std::collections::BTreeMap;

use super::census::Census;
use crate::snapshot::{Snapshot, Task, UpdateState};

/// Of a rollout: `2 of 3 tasks run; no suitable node (…)`.
pub(super) fn rollout(census: &Census<'_>, update: Option<UpdateState>) -> String {
    let done = if census.is_job() { "have completed" } else { "run" };
    let counts = format!("{} of {} tasks {done}", census.reached(), census.wanted());
    let goes_on = matches!(update, Some(UpdateState::Updating | UpdateState::RollbackStarted));
    let lost = census.waits_for_node().filter(|_| goes_on).map(lost);
    let why = lost.or_else(|| trouble(census.pending())).or_else(|| states(census.pending()));
    let leaving = || match census.leaving() {
        0 => None,
        1 => Some("1 task has yet to end".to_owned()),
        n => Some(format!("{n} tasks have yet to end")),
    };
    let update = || update.map(|state| word(state).to_owned());
    match why.or_else(leaving).or_else(update) {
        Some(why) => format!("{counts}; {why}"),
        None => counts,
    }
}

/// Of a removal: `2 tasks have yet to end; network whoami_default is still in use`.
pub(super) fn removal(snapshot: &Snapshot) -> String {
    let tasks = snapshot.tasks.iter().filter(|task| !task.state.is_terminal()).count();
    let service = snapshot.service.is_some().then(|| "the service is still there".to_owned());
    let tasks = match tasks {
        0 => None,
        1 => Some("1 task has yet to end".to_owned()),
        n => Some(format!("{n} tasks have yet to end")),
    };
    let networks = snapshot.lingering.iter().map(|name| format!("network {name} is still in use"));
    let parts: Vec<String> = service.into_iter().chain(tasks).chain(networks).collect();
    parts.join("; ")
}

/// The error that most of these tasks have; of several, the one that came last.
pub(super) fn trouble<'a>(tasks: impl Iterator<Item = &'a Task>) -> Option<String> {
    let mut errors = BTreeMap::<&str, (usize, _)>::new();
    for task in tasks {
        let Some(error) = task.error.as_deref().filter(|error| !error.is_empty()) else { continue };
        let (times, latest) = errors.entry(error).or_insert((0, task.changed_at));
        *times += 1;
        *latest = task.changed_at.max(*latest);
    }
    errors.into_iter().max_by_key(|(_, rank)| *rank).map(|(error, _)| error.to_owned())
}

fn lost(node: &str) -> String {
    format!(
        "{node} is down, and the update waits for a task there until it is back: start the node, or \
         update the service again (`docker service update --force`)"
    )
}

/// `1 preparing, 2 starting`.
fn states<'a>(tasks: impl Iterator<Item = &'a Task>) -> Option<String> {
    let mut states = BTreeMap::<_, usize>::new();
    for task in tasks {
        *states.entry(task.state).or_default() += 1;
    }
    let parts: Vec<String> =
        states.into_iter().map(|(state, times)| format!("{times} {}", state.name())).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn word(state: UpdateState) -> &'static str {
    match state {
        UpdateState::Updating => "the update is not completed",
        UpdateState::RollbackStarted => "the rollback is not completed",
        UpdateState::Paused => "the update is paused",
        UpdateState::RollbackPaused => "the rollback is paused",
        UpdateState::Completed => "the update is completed",
        UpdateState::RollbackCompleted => "the rollback is completed",
    }
}

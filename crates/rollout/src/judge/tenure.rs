//! Since when tasks run, so that "stable" can be said of them.
//!
//! Measured from the look that first saw a task running, by the watch's own clock. A swarm's clocks are
//! believed in one case only: once an update is completed, the updater has watched each of its tasks
//! for `monitor` already, and when it said so is its own clock's, as is a task's creation. Nobody waits
//! twice for that.
//!
//! Where a task has failed after it ran, its like have to outlive it: a program that loses its database
//! after ten seconds looks well for ten seconds each time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::snapshot::{Snapshot, Task, TaskState, Update, UpdateState};

/// Longest time that one which failed makes the others wait.
const LONGEST_LIFE: Duration = Duration::from_secs(30);

/// How much longer than one which failed a task has to run.
const MARGIN: Duration = Duration::from_secs(1);

/// Since when tasks run.
#[derive(Debug, Default)]
pub(super) struct Tenure {
    since: BTreeMap<String, Duration>,
    /// The longest time for which a task ran that failed then.
    longest_life: Option<Duration>,
}

impl Tenure {
    /// Takes a look into account.
    pub(super) fn note(&mut self, snapshot: &Snapshot) {
        let running = || snapshot.tasks.iter().filter(|task| task.state == TaskState::Running);
        let ids: BTreeSet<&str> = running().map(|task| task.id.as_str()).collect();
        for task in snapshot.tasks.iter().filter(|task| task.has_failed() && task.up_to_date) {
            let life = self.since.get(&task.id).map(|since| snapshot.at.saturating_sub(*since));
            self.longest_life = self.longest_life.max(life);
        }
        self.since.retain(|id, _| ids.contains(id.as_str()));
        for task in running() {
            self.since.entry(task.id.clone()).or_insert(snapshot.at);
        }
    }

    /// Whether a task has run for so long.
    pub(super) fn is_stable(
        &self,
        task: &Task,
        at: Duration,
        stability: Duration,
        update: Option<&Update>,
    ) -> bool {
        let outlived = self.longest_life.map(|life| life.min(LONGEST_LIFE) + MARGIN);
        let stability = stability.max(outlived.unwrap_or_default());
        let seen = self.since.get(&task.id).is_some_and(|since| at >= *since + stability);
        seen || update.is_some_and(|update| was_monitored(task, stability, update))
    }
}

fn was_monitored(task: &Task, stability: Duration, update: &Update) -> bool {
    let completed = matches!(update.state, UpdateState::Completed | UpdateState::RollbackCompleted);
    let before = |time: Option<time::OffsetDateTime>| match (time, update.completed_at) {
        (Some(time), Some(completed)) => time + stability <= completed,
        _ => false,
    };
    completed && before(task.created_at) && before(task.changed_at)
}

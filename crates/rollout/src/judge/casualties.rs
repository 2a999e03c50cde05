//! The tasks that ended by themselves since the change, remembered as they happen: the swarm forgets
//! all but the last five of a slot
//! (<https://docs.docker.com/reference/cli/docker/swarm/init/#task-history-limit>), and those of a
//! slot that is given up at once. What is kept is bounded.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::census::Census;
use super::place::Place;
use crate::snapshot::{Mode, Snapshot, Spec, Task, TaskState};
use crate::verdict::TaskFailure;

const KEPT_PER_PLACE: usize = 5;
const KEPT: usize = 200;
const TOLD: usize = 20;
/// A longer error is cut: no orchestrator's own is, and a hostile one shall not fill the memory.
const LONGEST_ERROR: usize = 2_000;
/// So many ends in one place are a loop.
const LOOP: u64 = 3;

/// Tasks that ended by themselves.
#[derive(Debug, Default)]
pub(super) struct Casualties {
    /// Oldest first.
    failures: BTreeMap<Place, VecDeque<TaskFailure>>,
    ends: BTreeMap<Place, Ends>,
    latest_error: Option<String>,
}

/// Ends of tasks of what is asked for in one place.
#[derive(Debug, Default)]
struct Ends {
    times: u64,
    /// Those that the swarm still remembers, so that none is counted twice.
    counted: BTreeSet<String>,
}

impl Casualties {
    /// Takes a look into account. `is_new` says whether a task came after the change.
    pub(super) fn note(&mut self, snapshot: &Snapshot, mode: Mode, is_new: impl Fn(&Task) -> bool) {
        let is_job = matches!(mode, Mode::ReplicatedJob { .. } | Mode::GlobalJob);
        let mut ended: Vec<&Task> = snapshot
            .tasks
            .iter()
            .filter(|task| is_new(task))
            .filter(|task| task.has_failed() || !is_job && task.state == TaskState::Complete)
            .collect();
        ended.sort_by_key(|task| task.created_at);
        for task in ended {
            self.keep(Place::of(task, mode), task);
        }
    }

    /// Counts the ends among tasks of what is asked for.
    pub(super) fn count(&mut self, census: &Census<'_>, is_new: impl Fn(&Task) -> bool) {
        let mut remembered = BTreeMap::<&Place, BTreeSet<&str>>::new();
        for (place, task) in census.current().filter(|(_, task)| is_new(task)) {
            let ended = task.has_failed() || !census.is_job() && task.state == TaskState::Complete;
            if ended && task.state != TaskState::Orphaned {
                remembered.entry(place).or_default().insert(&task.id);
            }
        }
        for (place, ids) in remembered {
            let ends = self.ends.entry(place.clone()).or_default();
            ends.counted.retain(|id| ids.contains(id.as_str()));
            for id in ids {
                ends.times += u64::from(ends.counted.insert(id.to_owned()));
            }
        }
    }

    /// How often tasks ended in a place that is in a loop, if one is. A place whose tasks may be
    /// started anew a limited number of times gets that many: whoever limited them said how often.
    pub(super) fn loops(&self, spec: &Spec, matters: impl Fn(&Place) -> bool) -> Option<u64> {
        let limit = spec.max_attempts.filter(|attempts| *attempts > 0);
        let limit = limit.map_or(LOOP, |attempts| attempts.saturating_add(1).max(LOOP));
        let in_a_loop = |(place, ends): (&Place, &Ends)| {
            (ends.times >= limit && matters(place)).then_some(ends.times)
        };
        self.ends.iter().filter_map(in_a_loop).max()
    }

    /// The latest failure of each place, then the ones before those.
    pub(super) fn told(&self) -> Vec<TaskFailure> {
        let newest_first = |age: usize| {
            self.failures.values().filter_map(move |failures| failures.iter().rev().nth(age))
        };
        (0..KEPT_PER_PLACE).flat_map(newest_first).take(TOLD).cloned().collect()
    }

    /// The error that came last.
    pub(super) fn latest_error(&self) -> Option<&str> {
        self.latest_error.as_deref()
    }

    fn keep(&mut self, place: Place, task: &Task) {
        let failure = failure(task);
        let total: usize = self.failures.values().map(VecDeque::len).sum();
        let failures = self.failures.entry(place).or_default();
        if let Some(known) = failures.iter_mut().find(|known| known.task == failure.task) {
            *known = failure;
            return;
        }
        self.latest_error = failure.error.clone().or_else(|| self.latest_error.take());
        if failures.len() >= KEPT_PER_PLACE || total >= KEPT && !failures.is_empty() {
            failures.pop_front();
        } else if total >= KEPT {
            return;
        }
        failures.push_back(failure);
    }
}

/// What is told of a task that failed, or that is stuck.
pub(super) fn failure(task: &Task) -> TaskFailure {
    let cut = |error: &String| error.chars().take(LONGEST_ERROR).collect();
    TaskFailure {
        task: task.id.clone(),
        slot: task.slot,
        node: task.node.clone(),
        state: task.state,
        error: task.error.as_ref().map(cut),
        exit_code: task.exit_code,
        container: task.container.clone(),
    }
}

//! The tasks of one service over a watch: each one's states, with the time each was first seen.
//!
//! Fed with every look, asked at the end for the lines of the picture, and for what went on while
//! requests failed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::TaskLine;
use crate::expectation::{Deed, Expectation};
use crate::snapshot::{Snapshot, Spec, Task, TaskState};

/// Most tasks that are kept of one service; what a picture of more would show, nobody can read.
const MOST_TASKS: usize = 500;

/// Most slots that [`Timeline::meanwhile`] tells of.
const MOST_SLOTS: usize = 5;

/// So long before a request fails its cause may have been seen: the balancer forgets a task two
/// seconds before the task's stop signal, and other nodes hear of that later
/// (<https://github.com/moby/moby/blob/v28.5.2/daemon/cluster/executor/container/controller.go>).
const EARLIER: Duration = Duration::from_secs(3);

/// So long after a request has failed its cause may be seen only: looks are a second apart.
const LATER: Duration = Duration::from_secs(1);

/// One service's tasks over time.
#[derive(Debug)]
pub struct Timeline {
    name: String,
    target: Target,
    before: BTreeSet<String>,
    tasks: Vec<Seen>,
    positions: HashMap<String, usize>,
}

/// Which specification makes a task a new one.
#[derive(Debug)]
enum Target {
    /// None does: the service is to be removed.
    None,
    /// The one of the first look.
    First,
    This(Arc<Spec>),
}

impl Target {
    fn of(expectation: &Expectation) -> Self {
        match (&expectation.after, expectation.deed) {
            (Some(after), _) => Self::This(Arc::clone(&after.spec)),
            (None, Deed::Removed) => Self::None,
            (None, _) => Self::First,
        }
    }
}

#[derive(Debug)]
struct Seen {
    line: TaskLine,
    first: Duration,
}

impl Timeline {
    /// Of the service that is expected to do something.
    pub fn new(expectation: &Expectation) -> Self {
        let before = expectation.before.as_ref().map(|before| before.tasks.clone());
        Self {
            name: expectation.name.clone(),
            target: Target::of(expectation),
            before: before.unwrap_or_default(),
            tasks: Vec::new(),
            positions: HashMap::new(),
        }
    }

    /// Goes by what is expected now: a job may change a service several times.
    pub fn aim(&mut self, expectation: &Expectation) {
        self.name.clone_from(&expectation.name);
        self.target = Target::of(expectation);
    }

    /// Takes one look into account. Looks come in the order of their time.
    pub fn see(&mut self, snapshot: &Snapshot) {
        let on_target = self.is_on_target(snapshot);
        for task in &snapshot.tasks {
            if let Some(seen) = self.seen(snapshot.at, task, on_target) {
                seen.update(snapshot, task, on_target);
            }
        }
        self.miss(snapshot);
    }

    /// Every task that was seen, in the order of slots and then of their beginning.
    pub fn lines(&self) -> Vec<TaskLine> {
        let mut seen: Vec<_> = self.tasks.iter().collect();
        seen.sort_by(|a, b| a.place().cmp(&b.place()).then(a.first.cmp(&b.first)));
        seen.into_iter().map(|seen| seen.line.clone()).collect()
    }

    /// What the rollout was doing in this span, slot by slot: `whoami_hello slot 2: old task on
    /// worker1 shut down, new task on worker2 starting`.
    pub fn meanwhile(&self, from: Duration, until: Duration) -> Vec<String> {
        let (from, until) = (from.saturating_sub(EARLIER), until.saturating_add(LATER));
        let mut places: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for seen in &self.tasks {
            if let Some(words) = seen.meanwhile(from, until) {
                places.entry(seen.place()).or_default().push(words);
            }
        }
        let more = places.len().saturating_sub(MOST_SLOTS);
        let told = places.iter().take(MOST_SLOTS).map(|((slot, _), words)| {
            let slot = slot.map(|slot| format!(" slot {slot}")).unwrap_or_default();
            format!("{}{slot}: {}", self.name, words.join(", "))
        });
        let rest = (more > 0).then(|| format!("{}: {more} more slots", self.name));
        told.chain(rest).collect()
    }

    fn is_on_target(&mut self, snapshot: &Snapshot) -> bool {
        let Some(service) = &snapshot.service else {
            return false;
        };
        if matches!(self.target, Target::First) {
            self.target = Target::This(Arc::clone(&service.spec));
        }
        match &self.target {
            Target::This(spec) => Arc::ptr_eq(spec, &service.spec) || *spec == service.spec,
            Target::First | Target::None => false,
        }
    }

    /// What is known of this task; none of one that is of the past, or too many.
    fn seen(&mut self, at: Duration, task: &Task, on_target: bool) -> Option<&mut Seen> {
        let position = if let Some(position) = self.positions.get(&task.id) {
            *position
        } else {
            let past = task.state.is_terminal() && self.before.contains(&task.id);
            if past || self.tasks.len() == MOST_TASKS {
                return None;
            }
            self.tasks.push(Seen::new(at, task, on_target));
            self.positions.insert(task.id.clone(), self.tasks.len() - 1);
            self.tasks.len() - 1
        };
        self.tasks.get_mut(position)
    }

    /// Ends the tasks that the swarm has forgotten.
    fn miss(&mut self, snapshot: &Snapshot) {
        let there: BTreeSet<&str> = snapshot.tasks.iter().map(|task| task.id.as_str()).collect();
        for seen in &mut self.tasks {
            if !there.contains(seen.line.id.as_str()) && !seen.state().is_terminal() {
                seen.line.states.push((snapshot.at, TaskState::Remove));
            }
        }
    }
}

impl Seen {
    fn new(at: Duration, task: &Task, on_target: bool) -> Self {
        let line = TaskLine {
            id: task.id.clone(),
            slot: task.slot,
            node: None,
            new: on_target && task.up_to_date,
            image: task.image.clone(),
            states: vec![(at, task.state)],
            error: None,
        };
        Self { line, first: at }
    }

    fn update(&mut self, snapshot: &Snapshot, task: &Task, on_target: bool) {
        if on_target {
            self.line.new = task.up_to_date;
        }
        if self.state() != task.state {
            self.line.states.push((snapshot.at, task.state));
        }
        if let Some(id) = &task.node {
            let name = snapshot.node(id).map_or(id, |node| &node.name);
            if self.line.node.as_ref() != Some(name) {
                self.line.node = Some(name.clone());
            }
        }
        if self.line.error != task.error {
            self.line.error.clone_from(&task.error);
        }
    }

    fn state(&self) -> TaskState {
        self.line.states.last().map_or(TaskState::New, |(_, state)| *state)
    }

    /// Where it stands in the order of the picture: by slot, in the global modes by node.
    fn place(&self) -> (Option<u64>, Option<&str>) {
        match self.line.slot {
            Some(slot) => (Some(slot), None),
            None => (None, self.line.node.as_deref()),
        }
    }

    /// What it did in this span; none if it did nothing but run, or be dead.
    fn meanwhile(&self, from: Duration, until: Duration) -> Option<String> {
        let states = &self.line.states;
        let begin = states.iter().rposition(|(at, _)| *at < from);
        let end = states.iter().rposition(|(at, _)| *at <= until)?;
        let changed = begin != Some(end);
        let still = states.get(end).is_some_and(|(_, state)| *state >= TaskState::Running);
        if !changed && still {
            return None;
        }
        let first = begin.map_or(0, |begin| if changed { begin + 1 } else { begin });
        let states: Vec<_> = states.get(first..=end)?.iter().map(|(_, it)| words(*it)).collect();
        let age = if self.line.new { "new" } else { "old" };
        let node = self.line.node.as_ref().map(|node| format!(" on {node}")).unwrap_or_default();
        Some(format!("{age} task{node} {}", states.join(", then ")))
    }
}

fn words(state: TaskState) -> &'static str {
    match state {
        TaskState::New | TaskState::Pending => "waiting for a node",
        TaskState::Assigned | TaskState::Accepted | TaskState::Ready => "about to start",
        TaskState::Preparing => "pulling its image",
        TaskState::Starting => "starting",
        TaskState::Running => "running",
        TaskState::Complete => "completed",
        TaskState::Shutdown => "shut down",
        TaskState::Failed => "failed",
        TaskState::Rejected => "rejected",
        TaskState::Remove => "removed",
        TaskState::Orphaned => "lost with its node",
    }
}

#[cfg(test)]
mod tests;

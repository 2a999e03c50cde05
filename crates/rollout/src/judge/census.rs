//! How a service's tasks stand in one look, place by place, against what is asked for.
//!
//! Counted as the orchestrators count: a place is what its task that is wanted on is
//! (<https://github.com/moby/swarmkit/blob/v2.1.1/manager/orchestrator/replicated/slot.go>), a global
//! service wants the nodes that its constraints admit
//! (<https://github.com/moby/swarmkit/blob/v2.1.1/manager/orchestrator/global/global.go>), and of a job
//! only the tasks of its present iteration count
//! (<https://github.com/moby/swarmkit/blob/v2.1.1/manager/orchestrator/jobs/replicated/reconciler.go>).

use std::collections::{BTreeMap, BTreeSet};

use super::place::Place;
use crate::placement;
use crate::snapshot::{Availability, Mode, Node, Service, Snapshot, Spec, Task, TaskState};

/// A service's tasks in one look.
#[derive(Debug)]
pub(super) struct Census<'a> {
    snapshot: &'a Snapshot,
    spec: &'a Spec,
    iteration: u64,
    places: BTreeMap<Place, Vec<&'a Task>>,
    /// Of the global modes only.
    wanted_nodes: BTreeSet<&'a str>,
}

impl<'a> Census<'a> {
    /// Of a service that is there. `initial` are the nodes that a job on all nodes began with.
    pub(super) fn take(
        snapshot: &'a Snapshot,
        service: &'a Service,
        initial: &BTreeSet<String>,
    ) -> Self {
        let spec = &*service.spec;
        let mut places = BTreeMap::<_, Vec<_>>::new();
        for task in snapshot.tasks.iter().filter(|task| task.desired != TaskState::Remove) {
            places.entry(Place::of(task, spec.mode)).or_default().push(task);
        }
        for tasks in places.values_mut() {
            tasks.sort_by_key(|task| task.created_at);
        }
        let mut census = Self {
            snapshot,
            spec,
            iteration: iteration(service),
            places,
            wanted_nodes: BTreeSet::new(),
        };
        census.wanted_nodes = census.nodes_wanted(initial);
        census
    }

    /// How many places shall be filled.
    pub(super) fn wanted(&self) -> u64 {
        match self.spec.mode {
            Mode::Replicated { replicas } => replicas,
            Mode::ReplicatedJob { completions, .. } => completions,
            Mode::Global | Mode::GlobalJob => self.wanted_nodes.len() as u64,
        }
    }

    /// How many are.
    pub(super) fn reached(&self) -> u64 {
        self.filled().count() as u64
    }

    /// The tasks by which places are filled.
    pub(super) fn filled(&self) -> impl Iterator<Item = &'a Task> {
        self.counted().filter_map(|(_, tasks)| self.filler(tasks))
    }

    /// Whether all is as it is asked for: as many places filled as shall be, and nothing else that is
    /// to run on.
    pub(super) fn is_converged(&self) -> bool {
        self.reached() == self.wanted()
            && (self.is_job() || self.counted().all(|(_, tasks)| self.is_settled(tasks)))
    }

    /// Whether every place is filled by a task that has completed.
    pub(super) fn is_completed(&self) -> bool {
        self.is_converged() && self.filled().all(|task| task.state == TaskState::Complete)
    }

    /// Whether some one-shots have completed and the rest is on its way or runs.
    pub(super) fn is_completing(&self) -> bool {
        let mut newest = self.counted().filter_map(|(_, tasks)| tasks.last());
        let is_underway = |task: &Task| self.is_current(task) && self.is_wanted_on(task);
        self.filled().any(|task| task.state == TaskState::Complete)
            && newest.all(|task| self.has_done_its_one_shot(task) || is_underway(task))
    }

    /// The tasks that are to fill places and don't yet.
    pub(super) fn pending(&self) -> impl Iterator<Item = &'a Task> {
        self.counted()
            .filter(|(_, tasks)| self.filler(tasks).is_none())
            .flat_map(|(_, tasks)| tasks)
            .copied()
            .filter(|task| self.is_current(task) && self.is_wanted_on(task))
            .filter(|task| !task.state.is_terminal())
    }

    /// Whether there are places that nobody will fill any more, by the restart policy.
    pub(super) fn is_given_up(&self) -> bool {
        if self.reached() >= self.wanted() {
            return false;
        }
        if self.is_job() && self.pending().next().is_some() {
            // A job's reconciler fills such a place again when another task has completed.
            return false;
        }
        self.counted().any(|(_, tasks)| self.filler(tasks).is_none() && self.is_abandoned(tasks))
    }

    /// The name of a lost node, where the updater waits for a task on it that was replaced when it was
    /// lost. It would do so until the node comes back, or another update takes its place
    /// (<https://github.com/moby/swarmkit/blob/v2.1.1/manager/orchestrator/update/updater.go>,
    /// `updateTask`).
    pub(super) fn waits_for_node(&self) -> Option<&'a str> {
        let is_waited_for = |task: &Task| {
            self.is_current(task)
                && task.desired > TaskState::Running
                && task.state < TaskState::Running
                && !self.is_heard(task)
        };
        let mut tasks = self.places.values().flatten().filter(|task| is_waited_for(task));
        tasks.find_map(|task| {
            let id = task.node.as_deref()?;
            Some(self.snapshot.node(id).map_or(id, |node| &node.name))
        })
    }

    /// How many tasks have yet to end: those that are not to run on, and those of before.
    pub(super) fn leaving(&self) -> u64 {
        let stays =
            |task: &Task| self.wanted() > 0 && self.is_current(task) && self.is_wanted_on(task);
        let tasks = self.snapshot.tasks.iter();
        tasks.filter(|task| !task.state.is_terminal() && !stays(task)).count() as u64
    }

    /// Each place that counts, with the tasks of it that are of what is asked for.
    pub(super) fn current(&self) -> impl Iterator<Item = (&Place, &'a Task)> {
        self.counted().flat_map(|(place, tasks)| {
            tasks.iter().filter(|task| self.is_current(task)).map(move |task| (place, *task))
        })
    }

    /// Whether tasks of this mode are to end.
    pub(super) fn is_job(&self) -> bool {
        matches!(self.spec.mode, Mode::ReplicatedJob { .. } | Mode::GlobalJob)
    }

    /// Whether a place counts, and isn't filled by such a task.
    pub(super) fn lacks(&self, place: &Place, is_good: impl Fn(&Task) -> bool) -> bool {
        let mut counted = self.counted().filter(|(counted, _)| *counted == place);
        counted.any(|(_, tasks)| !self.filler(tasks).is_some_and(&is_good))
    }

    fn counted(&self) -> impl Iterator<Item = (&Place, &Vec<&'a Task>)> {
        self.places.iter().filter(|(place, _)| match place {
            Place::Slot(_) => true,
            Place::Node(node) => self.wanted_nodes.contains(node.as_str()),
        })
    }

    fn nodes_wanted(&self, initial: &BTreeSet<String>) -> BTreeSet<&'a str> {
        let admitted = |node: &Node| node.is_eligible() && placement::admits(self.spec, node);
        let tasks = |node: &Node| self.places.get(&Place::Node(node.id.clone()));
        let wanted = |node: &Node| {
            let lives = tasks(node).is_some_and(|tasks| {
                tasks.iter().any(|task| self.is_current(task) && self.is_wanted_on(task))
            });
            match self.spec.mode {
                Mode::Replicated { .. } | Mode::ReplicatedJob { .. } => false,
                Mode::Global => {
                    node.availability == Availability::Active && (admitted(node) || lives)
                }
                Mode::GlobalJob => admitted(node) && initial.contains(&node.id) || lives,
            }
        };
        let nodes = self.snapshot.nodes.iter();
        nodes.filter(|node| wanted(node)).map(|node| node.id.as_str()).collect()
    }

    fn filler(&self, tasks: &[&'a Task]) -> Option<&'a Task> {
        if self.is_job() {
            return tasks
                .iter()
                .find(|task| self.is_current(task) && task.state == TaskState::Complete)
                .copied();
        }
        let wanted_on =
            tasks.iter().filter(|task| self.is_current(task) && self.is_wanted_on(task));
        match wanted_on.min_by_key(|task| (task.desired, task.state)) {
            Some(task) if !task.state.is_terminal() => self.runs(task).then_some(*task),
            _ => tasks.last().copied().filter(|task| self.has_done_its_one_shot(task)),
        }
    }

    fn runs(&self, task: &Task) -> bool {
        task.desired == TaskState::Running
            && task.state == TaskState::Running
            && self.is_heard(task)
    }

    /// Whether it has completed, and by the restart policy nothing comes after it
    /// (<https://github.com/moby/swarmkit/blob/v2.1.1/manager/orchestrator/restart/restart.go>,
    /// `shouldRestart`).
    fn has_done_its_one_shot(&self, task: &Task) -> bool {
        self.is_current(task)
            && task.state == TaskState::Complete
            && matches!(self.spec.restart_condition.as_deref(), Some("none" | "on-failure"))
    }

    /// Whether nothing else of a place is to run on than what fills it.
    fn is_settled(&self, tasks: &[&'a Task]) -> bool {
        let filler = self.filler(tasks).map(|task| &task.id);
        tasks.iter().all(|task| {
            task.state.is_terminal() || !self.is_wanted_on(task) || Some(&task.id) == filler
        })
    }

    fn is_abandoned(&self, tasks: &[&'a Task]) -> bool {
        let ended_by_itself = |task: &&Task| {
            self.is_current(task)
                && task.desired > self.highest_desired()
                && (task.has_failed() || task.state == TaskState::Complete)
        };
        !tasks.iter().any(|task| self.is_wanted_on(task))
            && tasks.last().is_some_and(ended_by_itself)
    }

    fn is_current(&self, task: &Task) -> bool {
        if self.is_job() {
            task.iteration.unwrap_or_default() == self.iteration
        } else {
            task.up_to_date
        }
    }

    fn is_wanted_on(&self, task: &Task) -> bool {
        task.desired <= self.highest_desired()
    }

    fn highest_desired(&self) -> TaskState {
        if self.is_job() { TaskState::Complete } else { TaskState::Running }
    }

    fn is_heard(&self, task: &Task) -> bool {
        is_heard(self.snapshot, task)
    }
}

/// Whether the managers hear from a task's node.
pub(super) fn is_heard(snapshot: &Snapshot, task: &Task) -> bool {
    task.node.as_deref().and_then(|id| snapshot.node(id)).is_some_and(|node| node.ready)
}

/// The execution that a service is at.
pub(super) fn iteration(service: &Service) -> u64 {
    service.job.map(|job| job.iteration).unwrap_or_default()
}

//! What one look says of the rollout: the service, whose specification is in force, the update, and the
//! tasks, from the outside in.

use std::time::Duration;

use super::authorship::Author;
use super::census::{self, Census};
use super::opinion::{Opinion, Outlook};
use super::{DEFAULT_MONITOR, Judge, WAITED_FOR, casualties, patience, stuck};
use crate::expectation::{After, Deed};
use crate::snapshot::{Mode, Service, Snapshot, Spec, Task, TaskState, Update, UpdateState};
use crate::verdict::{Phase, Reason};

impl Judge {
    pub(super) fn see_nothing(&mut self, snapshot: &Snapshot) -> Opinion {
        let expected = match self.expectation.deed {
            Deed::Removed => true,
            Deed::ChangedMeanwhile => self.expectation.after.is_none(),
            Deed::Created | Deed::Updated | Deed::RolledBack => false,
        };
        if expected {
            self.see_leaving(snapshot, Reason::Removed)
        } else {
            Opinion::Likely(Reason::RemovedByOthers)
        }
    }

    /// All tasks are to end, and the networks of a removed service to be free. Tasks on nodes that the
    /// managers don't hear from can't tell that they have ended; nobody waits long for those.
    fn see_leaving(&mut self, snapshot: &Snapshot, reason: Reason) -> Opinion {
        let left: Vec<&Task> =
            snapshot.tasks.iter().filter(|task| !task.state.is_terminal()).collect();
        let count = (left.len() + snapshot.lingering.len()) as u64;
        self.patience.note_counts(snapshot.at, 0, count);
        self.most_leaving = self.most_leaving.max(count);
        self.stuck = stuck::removal(snapshot);
        self.waited_for =
            left.iter().take(WAITED_FOR).map(|task| casualties::failure(task)).collect();
        self.progress.reached = self.most_leaving - count;
        self.progress.wanted = self.most_leaving;
        self.progress.trouble = None;
        if count == 0 {
            return Opinion::Certain(reason);
        }
        let is_away = |task: &&Task| task.node.is_some() && !census::is_heard(snapshot, task);
        let only_away = snapshot.lingering.is_empty() && left.iter().all(is_away);
        if self.has_held(only_away, snapshot.at, DEFAULT_MONITOR) {
            Opinion::Certain(reason)
        } else {
            Opinion::Pending(Phase::Removing)
        }
    }

    pub(super) fn see_service(
        &mut self,
        snapshot: &Snapshot,
        service: &Service,
        after: &After,
    ) -> Outlook {
        let author = self.authorship.of(service, &self.expectation, after);
        if author == Author::Other {
            return Opinion::Certain(Reason::SupersededByUpdate).into();
        }
        let eligible = || {
            let nodes = snapshot.nodes.iter().filter(|node| node.is_eligible());
            nodes.map(|node| node.id.clone()).collect()
        };
        let initial = self.initial_nodes.get_or_insert_with(eligible);
        let census = Census::take(snapshot, service, initial);
        self.note(snapshot, service, &census);
        match author {
            Author::Orchestrator => self.see_taken_back(service),
            Author::Asked | Author::Other => self.see_asked(snapshot, service, &census),
        }
    }

    fn note(&mut self, snapshot: &Snapshot, service: &Service, census: &Census<'_>) {
        let (at, update) = (snapshot.at, service.update.as_ref());
        let before = self.expectation.before.as_ref();
        let is_new = |task: &Task| before.is_none_or(|before| !before.tasks.contains(&task.id));
        self.casualties.note(snapshot, service.spec.mode, is_new);
        self.patience.note_update(at, update);
        self.patience.note_counts(at, census.reached(), census.leaving());
        for (place, task) in census.current().filter(|(_, task)| is_new(task)) {
            self.patience.note_task(at, place, task);
        }
        self.progress.reached = census.reached();
        self.progress.wanted = census.wanted();
        let latest = || self.casualties.latest_error().map(str::to_owned);
        self.progress.trouble = stuck::trouble(census.pending()).or_else(latest);
        self.stuck = stuck::rollout(census, update.map(|update| update.state));
        self.waited_for = census.pending().take(WAITED_FOR).map(casualties::failure).collect();
    }

    /// The orchestrator went back to what was before: that is followed to its end.
    fn see_taken_back(&mut self, service: &Service) -> Outlook {
        let Some(Update { state, message, .. }) = &service.update else {
            return Opinion::Pending(Phase::Rolling).into();
        };
        let message = message.clone();
        match state {
            UpdateState::RollbackStarted => {
                self.cause = Some(message.clone());
                Outlook {
                    quiet: patience::quiet(
                        service.spec.rollback.as_ref(),
                        rollback_monitor(&service.spec),
                    ),
                    ..Opinion::Pending(Phase::RollingBack { message }).into()
                }
            }
            UpdateState::RollbackCompleted => {
                let message = self.cause.take().unwrap_or(message);
                Opinion::Certain(Reason::RolledBack { message }).into()
            }
            // A paused rollback whose failure action is rollback is called completed a moment later.
            UpdateState::RollbackPaused
            | UpdateState::Completed
            | UpdateState::Paused
            | UpdateState::Updating => Opinion::Certain(Reason::RollbackPaused { message }).into(),
        }
    }

    /// What was asked for is in force: the update says how far it is, unless it says that it is done.
    fn see_asked(
        &mut self,
        snapshot: &Snapshot,
        service: &Service,
        census: &Census<'_>,
    ) -> Outlook {
        let before = self.expectation.before.as_ref();
        self.casualties
            .count(census, |task| before.is_none_or(|before| !before.tasks.contains(&task.id)));
        let Some(update) = &service.update else {
            return self.see_tasks(snapshot, service, census).into();
        };
        let message = || update.message.clone();
        let goes_back = self.goes_back;
        self.goes_back |=
            matches!(update.state, UpdateState::RollbackStarted | UpdateState::RollbackPaused);
        match update.state {
            UpdateState::Paused => self.see_paused(snapshot, service, census, message()).into(),
            UpdateState::RollbackPaused => {
                self.once_explained(Reason::RollbackPaused { message: message() }).into()
            }
            UpdateState::Completed if goes_back => {
                self.once_explained(Reason::RollbackPaused { message: message() }).into()
            }
            UpdateState::Updating | UpdateState::RollbackStarted
                if census.waits_for_node().is_none() =>
            {
                self.see_updating(snapshot, service, update, census)
            }
            UpdateState::Updating
            | UpdateState::RollbackStarted
            | UpdateState::Completed
            | UpdateState::RollbackCompleted => self.see_tasks(snapshot, service, census).into(),
        }
    }

    /// To the updater, a one-shot that has completed is an early termination: it pauses. That is all
    /// the same where every one of them completes.
    fn see_paused(
        &mut self,
        snapshot: &Snapshot,
        service: &Service,
        census: &Census<'_>,
        message: String,
    ) -> Opinion {
        let is_completing = census.is_completing();
        let has_held = self.has_held(is_completing, snapshot.at, stability(service));
        if census.is_completed() {
            Opinion::Likely(Reason::Completed)
        } else if is_completing && !has_held {
            Opinion::Pending(Phase::Rolling)
        } else {
            self.once_explained(Reason::Paused { message })
        }
    }

    /// The update is stopped; the task that it stopped for may take one look more to be seen.
    fn once_explained(&self, reason: Reason) -> Opinion {
        if self.casualties.told().is_empty() {
            Opinion::Likely(reason)
        } else {
            Opinion::Certain(reason)
        }
    }

    fn see_updating(
        &self,
        snapshot: &Snapshot,
        service: &Service,
        update: &Update,
        census: &Census<'_>,
    ) -> Outlook {
        let stability = stability(service);
        let goes_back = update.state == UpdateState::RollbackStarted;
        let config = if goes_back { &service.spec.rollback } else { &service.spec.update };
        let phase = if goes_back {
            Phase::RollingBack { message: update.message.clone() }
        } else if census.is_converged() {
            Phase::Settling { stability }
        } else {
            Phase::Rolling
        };
        let is_stable = |task| self.is_stable(task, snapshot, service);
        let at_rest = census.is_converged() && census.filled().all(is_stable);
        Outlook {
            opinion: Opinion::Pending(phase),
            quiet: patience::quiet(config.as_ref(), stability),
            at_rest: at_rest.then(|| converged(service)),
        }
    }

    /// Nothing but the tasks says how it ends.
    fn see_tasks(
        &mut self,
        snapshot: &Snapshot,
        service: &Service,
        census: &Census<'_>,
    ) -> Opinion {
        let wanted = census.wanted();
        if matches!(service.spec.mode, Mode::Replicated { replicas: 0 }) {
            return self.see_leaving(snapshot, Reason::ScaledToZero);
        }
        let stability = stability(service);
        let is_converged = census.is_converged();
        let has_held = self.has_held(is_converged, snapshot.at, stability);
        if wanted > 0 && census.is_completed() {
            return Opinion::Likely(Reason::Completed);
        }
        if is_converged && wanted > 0 && self.is_unchanged(service, census) {
            return Opinion::Likely(Reason::Unchanged);
        }
        let is_stable = |task: &Task| self.is_stable(task, snapshot, service);
        if is_converged && (wanted > 0 || has_held) && census.filled().all(is_stable) {
            return Opinion::Likely(converged(service));
        }
        if let Some(reason) = self.hopeless(service, census, is_stable) {
            return reason;
        }
        if is_converged {
            Opinion::Settling { reason: converged(service), stability }
        } else {
            Opinion::Pending(Phase::Rolling)
        }
    }

    /// How the tasks say that they will never do as they shall.
    fn hopeless(
        &self,
        service: &Service,
        census: &Census<'_>,
        is_stable: impl Fn(&Task) -> bool,
    ) -> Option<Opinion> {
        let is_completed =
            service.update.as_ref().is_some_and(|update| update.state == UpdateState::Completed);
        let reason = |reason| {
            if is_completed { Reason::CompletedWithoutConvergence } else { reason }
        };
        let matters = |place: &_| census.lacks(place, &is_stable);
        if let Some(times) = self.casualties.loops(&service.spec, matters) {
            return Some(Opinion::Certain(reason(Reason::CrashLoop { times })));
        }
        let end = if census.is_job() { Reason::JobFailed } else { reason(Reason::Exhausted) };
        census.is_given_up().then_some(Opinion::Likely(end))
    }

    /// Whether a task fills its place for good, as far as the stability time can tell.
    fn is_stable(&self, task: &Task, snapshot: &Snapshot, service: &Service) -> bool {
        let before = self.expectation.before.as_ref();
        task.state == TaskState::Complete
            || before.is_some_and(|before| before.tasks.contains(&task.id))
            || self.tenure.is_stable(task, snapshot.at, stability(service), service.update.as_ref())
    }

    fn is_unchanged(&self, service: &Service, census: &Census<'_>) -> bool {
        self.expectation.before.as_ref().is_some_and(|before| {
            service.update.is_none()
                && before.spec.mode == service.spec.mode
                && census.filled().all(|task| before.tasks.contains(&task.id))
        })
    }

    fn has_held(&mut self, holds: bool, at: Duration, time: Duration) -> bool {
        self.held_since = holds.then(|| self.held_since.unwrap_or(at));
        self.held_since.is_some_and(|since| at >= since + time)
    }
}

/// How a rollout is called whose tasks do as they shall.
fn converged(service: &Service) -> Reason {
    match service.update.as_ref().map(|update| update.state) {
        Some(UpdateState::RollbackStarted | UpdateState::RollbackCompleted) => {
            Reason::RolledBackAsAsked
        }
        _ => Reason::Converged,
    }
}

/// For how long a task has to run before it counts as one that does.
fn stability(service: &Service) -> Duration {
    match service.update.as_ref().map(|update| update.state) {
        Some(UpdateState::RollbackStarted | UpdateState::RollbackCompleted) => {
            rollback_monitor(&service.spec)
        }
        _ => service.spec.monitor(),
    }
}

fn rollback_monitor(spec: &Spec) -> Duration {
    spec.rollback.as_ref().and_then(|rollback| rollback.monitor).unwrap_or(DEFAULT_MONITOR)
}

//! A story of one rollout, told look by look.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::{clock, nodes, spec};
use crate::expectation::{After, Before, Deed, Expectation};
use crate::judge::{Deadlines, Judge, Judgement};
use crate::snapshot::{
    JobStatus, Mode, Node, Service, Snapshot, Spec, Task, TaskState, Update, UpdateState,
};
use crate::verdict::{Progress, Reason, Verdict};

pub(super) const LOOK: Duration = Duration::from_millis(500);
pub(super) const DEADLINES: Deadlines =
    Deadlines { progress: Duration::from_mins(2), total: Duration::from_mins(20) };

/// A swarm with one service, and the judge who looks at it twice a second.
pub(super) struct Story {
    pub(super) now: Snapshot,
    pub(super) judge: Judge,
    pub(super) last: Option<Judgement>,
}

impl Story {
    /// The job created this service.
    pub(super) fn created(spec: Spec) -> Self {
        Self::begin(Deed::Created, None, Some(spec), &[])
    }

    /// The job updated a service with these tasks, slot by slot, all of which run.
    pub(super) fn updated(before: Spec, after: Spec, tasks: &[&str]) -> Self {
        Self::begin(Deed::Updated, Some(before), Some(after), tasks)
    }

    pub(super) fn begin(
        deed: Deed,
        before: Option<Spec>,
        after: Option<Spec>,
        tasks: &[&str],
    ) -> Self {
        let previous = before.clone().map(Arc::new);
        let service = after.clone().map(|spec| Service {
            id: "s1".into(),
            version: 100,
            spec: Arc::new(spec),
            previous: previous.clone(),
            update: None,
            job: None,
            created_at: Some(clock(Duration::ZERO)),
            updated_at: Some(clock(Duration::ZERO)),
        });
        let expectation = Expectation {
            id: "s1".into(),
            name: "shop_web".into(),
            stack: Some("shop".into()),
            deed,
            before: previous.clone().map(|spec| Before {
                spec,
                version: 50,
                tasks: tasks.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>(),
            }),
            after: service.as_ref().map(|service| After {
                spec: service.spec.clone(),
                version: 100,
                update: None,
                at: service.updated_at,
            }),
        };
        let now = Snapshot {
            at: Duration::ZERO,
            service,
            tasks: Vec::new(),
            nodes: nodes(),
            lingering: Vec::new(),
        };
        let dirty = before.is_some_and(|before| {
            after.is_none_or(|after| {
                before.image != after.image || before.force_update != after.force_update
            })
        });
        let mut story = Self { now, judge: Judge::new(expectation, DEADLINES), last: None };
        for (slot, id) in (1..).zip(tasks) {
            story.task(id, slot, TaskState::Running);
            story.tasks_mut(id).up_to_date = !dirty;
        }
        story
    }

    /// A task gets to a state; a new one if there is none of this name yet, of what is asked for.
    pub(super) fn task(&mut self, id: &str, slot: u64, state: TaskState) -> &mut Self {
        let now = Some(clock(self.now.at));
        if !self.now.tasks.iter().any(|task| task.id == id) {
            self.now.tasks.push(Task {
                id: id.to_owned(),
                slot: Some(slot),
                node: Some(format!("n{}", (slot - 1) % 3 + 1)),
                state,
                desired: TaskState::Running,
                error: None,
                message: String::new(),
                exit_code: None,
                container: None,
                image: String::new(),
                up_to_date: true,
                iteration: None,
                created_at: now,
                changed_at: now,
            });
        }
        let task = self.tasks_mut(id);
        (task.state, task.changed_at) = (state, now);
        match state {
            TaskState::Failed => task.error = Some("task: non-zero exit (1)".into()),
            TaskState::Rejected => task.error = Some("No such image: web:2".into()),
            _ => {}
        }
        if state.is_terminal() {
            task.desired = TaskState::Shutdown;
        }
        self
    }

    /// The same for tasks named after their slots: `b1`, `b2`.
    pub(super) fn tasks(&mut self, ids: &[&str], state: TaskState) -> &mut Self {
        for id in ids {
            self.task(id, id[1..].parse().unwrap(), state);
        }
        self
    }

    pub(super) fn tasks_mut(&mut self, id: &str) -> &mut Task {
        self.now.tasks.iter_mut().find(|task| task.id == id).unwrap()
    }

    pub(super) fn error(&mut self, id: &str, error: &str) -> &mut Self {
        self.tasks_mut(id).error = Some(error.to_owned());
        self
    }

    pub(super) fn gone(&mut self, id: &str) -> &mut Self {
        self.now.tasks.retain(|task| task.id != id);
        self
    }

    pub(super) fn service(&mut self) -> &mut Service {
        self.now.service.as_mut().unwrap()
    }

    /// The update gets to a state; it began when it first did.
    pub(super) fn says(&mut self, state: UpdateState, message: &str) -> &mut Self {
        let now = Some(clock(self.now.at));
        let service = self.service();
        service.version += 10;
        let started_at = service.update.as_ref().map_or(now, |update| update.started_at);
        let done = matches!(state, UpdateState::Completed | UpdateState::RollbackCompleted);
        let completed_at = done.then_some(now).flatten();
        service.update =
            Some(Update { state, started_at, completed_at, message: message.to_owned() });
        self
    }

    /// The orchestrator takes the previous specification back.
    pub(super) fn rolls_back(&mut self, message: &str) -> &mut Self {
        self.says(UpdateState::RollbackStarted, message);
        let service = self.service();
        service.spec = service.previous.take().unwrap();
        for task in &mut self.now.tasks {
            task.up_to_date = task.id.starts_with('a');
        }
        self
    }

    /// Somebody asks for this.
    pub(super) fn somebody_writes(&mut self, spec: Spec) -> &mut Self {
        let service = self.service();
        service.version += 10;
        service.previous = Some(service.spec.clone());
        service.spec = Arc::new(spec);
        service.update = None;
        self
    }

    pub(super) fn node(&mut self, id: &str, change: impl Fn(&mut Node)) -> &mut Self {
        let mut nodes = self.now.nodes.to_vec();
        nodes.iter_mut().filter(|node| node.id == id).for_each(change);
        self.now.nodes = nodes.into();
        self
    }

    /// Of the two job modes: the execution that the service and all of its tasks are at.
    pub(super) fn iteration(&mut self, iteration: u64) -> &mut Self {
        self.service().job = Some(JobStatus { iteration });
        self
    }

    /// So many seconds pass, and nothing ends.
    pub(super) fn goes_on(&mut self, seconds: f64) -> &mut Self {
        let until = self.now.at + Duration::from_secs_f64(seconds);
        while self.now.at < until {
            let judgement = self.look();
            assert!(
                matches!(judgement, Judgement::Pending(_)),
                "before {:?}: {judgement:?}",
                self.now.at
            );
        }
        self
    }

    /// It ends within so many seconds, from now on.
    pub(super) fn ends_within(&mut self, seconds: f64) -> Verdict {
        let until = self.now.at + Duration::from_secs_f64(seconds);
        while self.now.at <= until {
            if let Judgement::Ended(verdict) = self.look() {
                return verdict;
            }
        }
        panic!("goes on: {:?}", self.last);
    }

    /// It ends for this reason within two seconds.
    pub(super) fn ends(&mut self, reason: &Reason) -> Verdict {
        let verdict = self.ends_within(2.0);
        assert_eq!(verdict.reason, *reason);
        verdict
    }

    pub(super) fn look(&mut self) -> Judgement {
        let judgement = self.judge.see(&self.now);
        self.now.at += LOOK;
        self.last = Some(judgement.clone());
        judgement
    }

    pub(super) fn progress(&self) -> &Progress {
        match &self.last {
            Some(Judgement::Pending(progress)) => progress,
            other => panic!("{other:?}"),
        }
    }
}

/// A service in a mode of which tasks end.
pub(super) fn job(mode: Mode) -> Spec {
    Spec { mode, ..spec(2, 0) }
}

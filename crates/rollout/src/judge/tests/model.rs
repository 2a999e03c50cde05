//! A small orchestrator for replicated services: reconciler, updater, restarts, task history, and agents
//! whose tasks behave as they are told. Written after swarmkit, in steps of a tenth of a second
//! (<https://github.com/moby/swarmkit/tree/v2.1.1/manager/orchestrator>).
//!
//! It shares plain data with the judge, and no judgement.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::{clock, nodes, spec};
use crate::expectation::{After, Before, Deed, Expectation};
use crate::snapshot::{
    FailureAction, Node, Order, Service, Snapshot, Spec, Task, TaskState, Update, UpdateConfig,
    UpdateState,
};

pub(super) const STEP: u64 = 100;
const HISTORY: usize = 5;

/// How the tasks of an image behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// They run so many milliseconds after they were made.
    Runs(u64),
    /// Their image can't be had.
    IsRejected,
    /// They never get ready.
    IsStuck,
    /// They fail so many milliseconds after they began to run.
    Crashes(u64),
    /// The same, for the first so many of them; the rest run.
    CrashesAtFirst(u64, usize),
    /// They complete so many milliseconds after they began to run.
    Completes(u64),
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) image: u64,
    pub(super) replicas: u64,
    pub(super) config: UpdateConfig,
    pub(super) rollback: UpdateConfig,
    pub(super) restart: &'static str,
    pub(super) max_attempts: u64,
}

impl Wish {
    pub(super) fn spec(&self) -> Spec {
        let mut spec = spec(self.image, self.replicas);
        spec.update = Some(self.config.clone());
        spec.rollback = Some(self.rollback.clone());
        spec.restart_condition = Some(self.restart.to_owned());
        spec.max_attempts = (self.max_attempts > 0).then_some(self.max_attempts);
        spec.restart_delay = Some(Duration::from_secs(2));
        spec
    }
}

/// A task and what the model knows of it.
#[derive(Debug)]
pub(super) struct Actor {
    pub(super) task: Task,
    /// Since when it runs.
    pub(super) running_since: Option<u64>,
    behaviour: Behaviour,
    made: u64,
    stopping: Option<u64>,
    /// Until when its start is put off, and until which task has ended.
    put_off: Option<(u64, Option<String>)>,
    image: String,
}

/// The swarm with its one service.
#[derive(Debug)]
pub(super) struct World {
    pub(super) now: u64,
    pub(super) service: Option<Service>,
    pub(super) actors: Vec<Actor>,
    /// Whether the orchestrator ever went back.
    pub(super) went_back: bool,
    /// When the service was last written, by whomever.
    pub(super) said_at: u64,
    behaviours: BTreeMap<String, Behaviour>,
    made: BTreeMap<String, usize>,
    restarts: BTreeMap<u64, (String, u64)>,
    updater: Option<Updater>,
    changed: bool,
    next: u64,
    version: u64,
    nodes: Arc<[Node]>,
    /// How far the clock of each node is behind, in milliseconds.
    pub(super) skew: [i64; 3],
}

#[derive(Debug)]
struct Updater {
    spec: Arc<Spec>,
    goes_back: bool,
    queue: VecDeque<u64>,
    dirty: usize,
    workers: Vec<Worker>,
    monitored_until: Option<u64>,
    /// Its tasks, and when they were seen to run.
    tasks: BTreeMap<String, Option<u64>>,
    failed: BTreeSet<String>,
}

#[derive(Clone, Debug)]
enum Worker {
    Idle,
    Awaits(String, u64),
    Pauses(u64),
}

impl World {
    /// A swarm without the service.
    pub(super) fn new(behaviours: &[(u64, Behaviour)]) -> Self {
        Self {
            now: 0,
            service: None,
            actors: Vec::new(),
            went_back: false,
            said_at: 0,
            behaviours: behaviours
                .iter()
                .map(|(image, one)| (format!("web:{image}"), *one))
                .collect(),
            made: BTreeMap::new(),
            restarts: BTreeMap::new(),
            updater: None,
            changed: false,
            next: 0,
            version: 100,
            nodes: nodes(),
            skew: [0; 3],
        }
    }

    /// Somebody creates the service, or updates it.
    pub(super) fn write(&mut self, spec: Spec) {
        let now = Some(self.clock());
        self.said_at = self.now;
        self.version += 10;
        self.changed = true;
        let version = self.version;
        let spec = Arc::new(spec);
        match &mut self.service {
            Some(service) => {
                service.previous = Some(std::mem::replace(&mut service.spec, spec));
                (service.update, service.version, service.updated_at) = (None, version, now);
            }
            None => {
                self.service = Some(Service {
                    id: "s1".into(),
                    version,
                    spec,
                    previous: None,
                    update: None,
                    job: None,
                    created_at: now,
                    updated_at: now,
                });
            }
        }
    }

    /// Somebody removes it.
    pub(super) fn remove(&mut self) {
        (self.service, self.updater) = (None, None);
        for actor in &mut self.actors {
            actor.task.desired = TaskState::Remove;
        }
    }

    /// Somebody asks for the previous specification back.
    pub(super) fn roll_back(&mut self) {
        let now = Some(self.clock());
        self.said_at = self.now;
        self.version += 10;
        self.changed = true;
        let version = self.version;
        let service = self.service.as_mut().unwrap();
        let previous = service.previous.take().unwrap();
        service.previous = Some(std::mem::replace(&mut service.spec, previous));
        service.version = version;
        service.update = Some(Update {
            state: UpdateState::RollbackStarted,
            started_at: now,
            completed_at: None,
            message: "manually requested rollback".into(),
        });
    }

    /// Another leader begins with what is stored, and without what the last one remembered.
    pub(super) fn elect(&mut self) {
        self.updater = None;
        self.changed = true;
    }

    /// What a job has to expect that does this now.
    pub(super) fn expect(&mut self, deed: Deed, wish: Option<Spec>) -> Expectation {
        let before = self.service.as_ref().map(|service| Before {
            spec: service.spec.clone(),
            version: service.version,
            tasks: self.actors.iter().map(|actor| actor.task.id.clone()).collect(),
        });
        match wish {
            Some(spec) => self.write(spec),
            None if deed == Deed::RolledBack => self.roll_back(),
            None => self.remove(),
        }
        Expectation {
            id: "s1".into(),
            name: "shop_web".into(),
            stack: None,
            deed,
            before,
            after: self.service.as_ref().map(|service| After {
                spec: service.spec.clone(),
                version: service.version,
                update: service.update.clone(),
                at: service.updated_at,
            }),
        }
    }

    /// What a look at this moment shows, `began` being when the watch did.
    pub(super) fn snapshot(&self, began: u64) -> Snapshot {
        let image = self.service.as_ref().map(|service| &service.spec.image);
        let tasks = self.actors.iter().map(|actor| {
            let mut task = actor.task.clone();
            task.up_to_date = Some(&actor.image) == image;
            task
        });
        Snapshot {
            at: Duration::from_millis(self.now - began),
            service: self.service.clone(),
            tasks: tasks.collect(),
            nodes: self.nodes.clone(),
            lingering: Vec::new(),
        }
    }

    /// How many slots have a task of the present specification that runs and shall.
    pub(super) fn running(&self) -> impl Iterator<Item = &Actor> {
        let image = self.service.as_ref().map(|service| service.spec.image.clone());
        self.actors.iter().filter(move |actor| {
            Some(&actor.image) == image.as_ref()
                && actor.task.state == TaskState::Running
                && actor.task.desired == TaskState::Running
        })
    }

    /// A tenth of a second goes by.
    pub(super) fn step(&mut self) {
        self.now += STEP;
        self.agents();
        self.restart();
        self.start_what_was_put_off();
        if std::mem::take(&mut self.changed) {
            self.reconcile();
        }
        self.update();
        self.forget();
    }

    pub(super) fn run(&mut self, millis: u64) {
        (0..millis / STEP).for_each(|_| self.step());
    }

    fn clock(&self) -> time::OffsetDateTime {
        clock(Duration::from_millis(self.now))
    }

    fn agents(&mut self) {
        let now = self.now;
        for actor in &mut self.actors {
            let node = actor.task.slot.unwrap() % 3;
            let Some(state) = actor.next_state(now) else { continue };
            if actor.task.state == state {
                continue;
            }
            actor.task.state = state;
            let behind = time::Duration::milliseconds(self.skew[usize::try_from(node).unwrap()]);
            actor.task.changed_at = Some(clock(Duration::from_millis(now)) - behind);
            actor.running_since = (state == TaskState::Running).then_some(now);
            actor.task.error = (actor.task.has_failed()).then(|| "task: failed".to_owned());
        }
    }

    fn make(&mut self, slot: u64, desired: TaskState) -> String {
        let service = self.service.as_ref().unwrap();
        let image = service.spec.image.clone();
        self.next += 1;
        let id = format!("t{}", self.next);
        let made = self.made.entry(image.clone()).or_default();
        *made += 1;
        let behaviour = match self.behaviours[&image] {
            Behaviour::CrashesAtFirst(after, times) if *made <= times => Behaviour::Crashes(after),
            Behaviour::CrashesAtFirst(..) => Behaviour::Runs(300),
            other => other,
        };
        let now = Some(self.clock());
        self.actors.push(Actor {
            task: Task {
                id: id.clone(),
                slot: Some(slot),
                node: Some(format!("n{}", slot % 3 + 1)),
                state: TaskState::New,
                desired,
                error: None,
                message: String::new(),
                exit_code: None,
                container: None,
                image: image.clone(),
                up_to_date: true,
                iteration: None,
                created_at: now,
                changed_at: now,
            },
            running_since: None,
            behaviour,
            made: self.now,
            stopping: None,
            put_off: None,
            image,
        });
        id
    }

    fn actor(&mut self, id: &str) -> Option<&mut Actor> {
        self.actors.iter_mut().find(|actor| actor.task.id == id)
    }

    /// `restart.go`, `Restart`.
    fn restart(&mut self) {
        let Some(service) = &self.service else { return };
        let policy = Policy::of(&service.spec);
        let ended: Vec<_> = self
            .actors
            .iter_mut()
            .filter(|actor| actor.task.state.is_terminal() && actor.is_wanted_on())
            .map(|actor| {
                actor.task.desired = TaskState::Shutdown;
                (actor.task.slot.unwrap(), actor.task.state, actor.image.clone())
            })
            .collect();
        for (slot, state, image) in ended {
            if !policy.starts_anew(state, self.restarts_of(slot, &image)) {
                continue;
            }
            let id = self.make(slot, TaskState::Ready);
            let image = self.actor(&id).unwrap().image.clone();
            let times = self.restarts_of(slot, &image) + 1;
            self.restarts.insert(slot, (image, times));
            let start = self.now + 2000;
            self.actor(&id).unwrap().put_off = Some((start, None));
        }
    }

    fn restarts_of(&self, slot: u64, image: &str) -> u64 {
        self.restarts.get(&slot).filter(|(of, _)| of == image).map_or(0, |(_, times)| *times)
    }

    fn start_what_was_put_off(&mut self) {
        let ended: BTreeSet<String> = self
            .actors
            .iter()
            .filter(|actor| actor.task.state.is_terminal())
            .map(|actor| actor.task.id.clone())
            .collect();
        let now = self.now;
        for actor in &mut self.actors {
            let Some((start, after)) = &actor.put_off else { continue };
            if now >= *start && after.as_ref().is_none_or(|after| ended.contains(after)) {
                actor.put_off = None;
                if actor.task.desired < TaskState::Running {
                    actor.task.desired = TaskState::Running;
                }
            }
        }
    }

    /// `services.go`, `reconcile`, with `UpdatableTasksInSlot`.
    fn reconcile(&mut self) {
        let Some(service) = &self.service else { return };
        let policy = Policy::of(&service.spec);
        let goes_back = service.state() == Some(UpdateState::RollbackStarted);
        let replicas = service.replicas();
        let slots: BTreeSet<u64> =
            self.actors.iter().map(|actor| actor.task.slot.unwrap()).collect();
        let mut alive = Vec::new();
        for slot in slots {
            let tasks = || self.actors.iter().filter(|actor| actor.task.slot == Some(slot));
            let newest = tasks().max_by_key(|actor| actor.task.changed_at).unwrap();
            let again =
                policy.starts_anew(newest.task.state, self.restarts_of(slot, &newest.image));
            if tasks().any(Actor::is_wanted_on)
                || !goes_back && !again && newest.task.desired != TaskState::Remove
            {
                alive.push(slot);
            } else {
                self.actors.retain(|actor| {
                    actor.task.slot != Some(slot) || !actor.task.state.is_terminal()
                });
            }
        }
        while (alive.len() as u64) > replicas {
            let slot = alive.pop().unwrap();
            let of_slot = |actor: &&mut Actor| actor.task.slot == Some(slot);
            self.actors.iter_mut().filter(of_slot).for_each(|actor| {
                actor.task.desired = TaskState::Remove;
            });
        }
        self.begin_update(&alive);
        let missing = replicas - alive.len() as u64;
        let free = (1..).filter(|slot| !alive.contains(slot));
        for slot in free.take(usize::try_from(missing).unwrap()) {
            self.make(slot, TaskState::Running);
        }
    }

    /// `updater.go`, `Supervisor.Update` and the beginning of `Run`.
    fn begin_update(&mut self, slots: &[u64]) {
        let now = self.clock();
        let service = self.service.as_mut().unwrap();
        if self.updater.as_ref().is_some_and(|updater| updater.spec == service.spec) {
            return;
        }
        self.updater = None;
        let state = service.state();
        if matches!(state, Some(UpdateState::Paused | UpdateState::RollbackPaused)) {
            return;
        }
        let image = service.spec.image.clone();
        let is_dirty = |slot: &&u64| {
            let of_slot = || self.actors.iter().filter(|actor| actor.task.slot == Some(**slot));
            let wanted_on: Vec<_> = of_slot().filter(|actor| actor.is_wanted_on()).collect();
            match &wanted_on[..] {
                [] => of_slot()
                    .max_by_key(|actor| actor.task.changed_at)
                    .is_some_and(|actor| actor.image != image),
                [one] => one.image != image,
                _ => true,
            }
        };
        let queue: VecDeque<u64> = slots.iter().filter(is_dirty).copied().collect();
        if queue.is_empty() {
            if matches!(state, Some(UpdateState::Updating | UpdateState::RollbackStarted)) {
                self.complete();
            }
            return;
        }
        let goes_back = state == Some(UpdateState::RollbackStarted);
        if state.is_none() {
            service.update = Some(Update {
                state: UpdateState::Updating,
                started_at: Some(now),
                completed_at: None,
                message: "update in progress".into(),
            });
            self.version += 10;
            service.version = self.version;
        }
        let spec = service.spec.clone();
        let config = if goes_back { &spec.rollback } else { &spec.update };
        let parallelism = config.as_ref().unwrap().parallelism;
        let workers = match usize::try_from(parallelism).unwrap() {
            0 => queue.len(),
            some => some,
        };
        self.updater = Some(Updater {
            goes_back,
            dirty: queue.len(),
            queue,
            workers: vec![Worker::Idle; workers],
            monitored_until: None,
            tasks: BTreeMap::new(),
            failed: BTreeSet::new(),
            spec,
        });
    }

    /// `updater.go`, `Run`.
    fn update(&mut self) {
        let Some(mut updater) = self.updater.take() else { return };
        if self.service.is_none() {
            return;
        }
        if self.fails(&mut updater) {
            return;
        }
        let config = updater.config().clone();
        for index in 0..updater.workers.len() {
            self.work(&mut updater, index, &config);
        }
        let idle = updater.workers.iter().all(|worker| matches!(worker, Worker::Idle));
        if updater.queue.is_empty() && idle {
            let monitor = u64::try_from(config.monitor.unwrap().as_millis()).unwrap();
            let delay = u64::try_from(config.delay.as_millis()).unwrap();
            let monitor = if delay >= monitor { delay + 1000 } else { monitor };
            let until = *updater.monitored_until.get_or_insert(self.now + monitor);
            if self.now >= until {
                self.complete();
                return;
            }
        }
        self.updater = Some(updater);
    }

    /// Whether failures have ended the update, `failureTriggersAction`.
    fn fails(&mut self, updater: &mut Updater) -> bool {
        let config = updater.config().clone();
        if config.failure_action == FailureAction::Continue {
            return false;
        }
        let monitor = u64::try_from(config.monitor.unwrap().as_millis()).unwrap();
        for actor in &self.actors {
            let Some(seen) = updater.tasks.get(&actor.task.id) else { continue };
            let counts = seen.is_none_or(|seen| self.now - seen <= monitor);
            if actor.task.state.is_terminal() && counts {
                updater.failed.insert(actor.task.id.clone());
            }
        }
        let part = |count| f64::from(u32::try_from(count).unwrap());
        if part(updater.failed.len()) / part(updater.dirty) <= config.max_failure_ratio {
            return false;
        }
        match (config.failure_action, updater.goes_back) {
            (FailureAction::Rollback, false) => self.go_back(),
            (FailureAction::Rollback, true) => {
                self.say(UpdateState::RollbackPaused, "rollback paused");
                updater.queue.clear();
                updater.workers.fill(Worker::Idle);
                return false;
            }
            (_, false) => self.say(UpdateState::Paused, "update paused"),
            (_, true) => self.say(UpdateState::RollbackPaused, "rollback paused"),
        }
        true
    }

    fn go_back(&mut self) {
        let service = self.service.as_mut().unwrap();
        service.spec = service.previous.take().unwrap();
        self.went_back = true;
        self.say(UpdateState::RollbackStarted, "update rolled back");
    }

    /// `updater.go`, `worker`, `updateTask` and `useExistingTask`.
    fn work(&mut self, updater: &mut Updater, index: usize, config: &UpdateConfig) {
        let pause = Worker::Pauses(self.now + u64::try_from(config.delay.as_millis()).unwrap());
        let now = self.now;
        match updater.workers[index].clone() {
            Worker::Pauses(until) if now >= until => updater.workers[index] = Worker::Idle,
            Worker::Pauses(_) => {}
            Worker::Awaits(id, slot) => {
                let Some(state) = self.actor(&id).map(|actor| actor.task.state) else { return };
                if state >= TaskState::Running {
                    updater.tasks.insert(id.clone(), Some(now));
                    if config.order == Order::StartFirst && state == TaskState::Running {
                        self.end_others(slot, &id);
                    }
                    updater.workers[index] = pause;
                }
            }
            Worker::Idle => {
                let Some(slot) = updater.queue.pop_front() else { return };
                let is_clean = |actor: &&Actor| {
                    actor.task.slot == Some(slot)
                        && actor.is_wanted_on()
                        && actor.image == updater.spec.image
                };
                let clean = self.actors.iter().find(is_clean).map(|actor| actor.task.id.clone());
                if let Some(id) = clean {
                    self.end_others(slot, &id);
                    self.actor(&id).unwrap().task.desired = TaskState::Running;
                    updater.workers[index] = pause;
                    return;
                }
                let id = self.make(slot, TaskState::Ready);
                updater.tasks.insert(id.clone(), None);
                let old = match config.order {
                    Order::StopFirst => self.end_others(slot, &id),
                    Order::StartFirst => None,
                };
                self.actor(&id).unwrap().put_off = Some((now, old));
                updater.workers[index] = Worker::Awaits(id, slot);
            }
        }
    }

    fn end_others(&mut self, slot: u64, id: &str) -> Option<String> {
        let others = self.actors.iter_mut().filter(|actor| {
            actor.task.slot == Some(slot) && actor.task.id != id && actor.is_wanted_on()
        });
        let ended = others.map(|actor| {
            actor.task.desired = TaskState::Shutdown;
            (!actor.task.state.is_terminal()).then(|| actor.task.id.clone())
        });
        ended.flatten().last()
    }

    fn complete(&mut self) {
        if self.service.as_ref().is_some_and(|service| service.update.is_some()) {
            if self.service.as_ref().unwrap().state() == Some(UpdateState::RollbackStarted) {
                self.say(UpdateState::RollbackCompleted, "rollback completed");
            } else {
                self.say(UpdateState::Completed, "update completed");
            }
            let now = self.clock();
            let update = self.service.as_mut().unwrap().update.as_mut().unwrap();
            update.completed_at = Some(now);
        }
    }

    fn say(&mut self, state: UpdateState, message: &str) {
        self.said_at = self.now;
        self.version += 10;
        self.changed = true;
        let version = self.version;
        let service = self.service.as_mut().unwrap();
        let Some(update) = &mut service.update else { return };
        (update.state, update.message) = (state, message.to_owned());
        service.version = version;
    }

    /// `task_reaper.go`.
    fn forget(&mut self) {
        self.actors.retain(|actor| {
            actor.task.desired != TaskState::Remove || !actor.task.state.is_terminal()
        });
        let slots: BTreeSet<_> = self.actors.iter().map(|actor| actor.task.slot).collect();
        for slot in slots {
            let of_slot = |actor: &Actor| actor.task.slot == slot;
            let mut surplus =
                self.actors.iter().filter(|actor| of_slot(actor)).count().saturating_sub(HISTORY);
            self.actors.retain(|actor| {
                let goes = surplus > 0 && of_slot(actor) && actor.task.state.is_terminal();
                surplus -= usize::from(goes);
                !goes
            });
        }
    }
}

impl Actor {
    fn is_wanted_on(&self) -> bool {
        self.task.desired <= TaskState::Running
    }

    /// What its agent makes of it.
    fn next_state(&mut self, now: u64) -> Option<TaskState> {
        let (state, age) = (self.task.state, now - self.made);
        if state.is_terminal() {
            return None;
        }
        if !self.is_wanted_on() {
            let since = *self.stopping.get_or_insert(now);
            let over = state < TaskState::Starting || now >= since + 300;
            return over.then_some(TaskState::Shutdown);
        }
        if let Some(since) = self.running_since {
            return match self.behaviour {
                Behaviour::Crashes(after) if now >= since + after => Some(TaskState::Failed),
                Behaviour::Completes(after) if now >= since + after => Some(TaskState::Complete),
                _ => None,
            };
        }
        let ready_after = match self.behaviour {
            Behaviour::Runs(after) => after,
            _ => 300,
        };
        match self.behaviour {
            Behaviour::IsRejected if age >= 300 => Some(TaskState::Rejected),
            Behaviour::IsStuck | Behaviour::IsRejected => Some(TaskState::Preparing),
            _ if age < ready_after => Some(TaskState::Preparing),
            _ if self.task.desired < TaskState::Running => Some(TaskState::Ready),
            _ if state < TaskState::Starting => Some(TaskState::Starting),
            _ => Some(TaskState::Running),
        }
    }
}

impl Service {
    fn state(&self) -> Option<UpdateState> {
        self.update.as_ref().map(|update| update.state)
    }

    fn replicas(&self) -> u64 {
        match self.spec.mode {
            crate::snapshot::Mode::Replicated { replicas } => replicas,
            other => panic!("{other:?}"),
        }
    }
}

impl Updater {
    fn config(&self) -> &UpdateConfig {
        let config = if self.goes_back { &self.spec.rollback } else { &self.spec.update };
        config.as_ref().unwrap()
    }
}

/// `restart.go`, `shouldRestart`.
struct Policy {
    condition: String,
    max_attempts: u64,
}

impl Policy {
    fn of(spec: &Spec) -> Self {
        Self {
            condition: spec.restart_condition.clone().unwrap_or_default(),
            max_attempts: spec.max_attempts.unwrap_or_default(),
        }
    }

    fn starts_anew(&self, state: TaskState, times: u64) -> bool {
        let may = match self.condition.as_str() {
            "none" => false,
            "on-failure" => state != TaskState::Complete,
            _ => true,
        };
        may && (self.max_attempts == 0 || times < self.max_attempts)
    }
}

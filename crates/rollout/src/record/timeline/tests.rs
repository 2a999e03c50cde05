use std::sync::Arc;

use serde_json::Value;

use super::*;
use crate::expectation::{After, Before};
use crate::snapshot::{Availability, Mode, Node, Platform, Service};

fn spec(image: &str) -> Arc<Spec> {
    Arc::new(Spec {
        name: "web".to_owned(),
        labels: BTreeMap::new(),
        stack: None,
        mode: Mode::Replicated { replicas: 2 },
        image: image.to_owned(),
        container_labels: BTreeMap::new(),
        environment: Vec::new(),
        healthcheck: None,
        stop_grace_period: None,
        constraints: Vec::new(),
        max_replicas_per_node: None,
        restart_condition: None,
        max_attempts: None,
        restart_delay: None,
        update: None,
        rollback: None,
        endpoint_mode: None,
        ports: Vec::new(),
        networks: Vec::new(),
        force_update: 0,
        whole: Value::Null,
    })
}

fn task(id: &str, slot: u64, state: TaskState, up_to_date: bool) -> Task {
    Task {
        id: id.to_owned(),
        slot: Some(slot),
        node: Some(format!("node-{slot}")),
        state,
        desired: TaskState::Running,
        error: None,
        message: String::new(),
        exit_code: None,
        container: None,
        image: "web:2".to_owned(),
        up_to_date,
        iteration: None,
        created_at: None,
        changed_at: None,
    }
}

fn node(number: u64) -> Node {
    Node {
        id: format!("node-{number}"),
        name: format!("worker{number}"),
        ready: true,
        availability: Availability::Active,
        manager: false,
        address: None,
        platform: Platform::default(),
        labels: BTreeMap::new(),
        engine_labels: BTreeMap::new(),
    }
}

fn snapshot(seconds: u64, spec: Option<&Arc<Spec>>, tasks: Vec<Task>) -> Snapshot {
    let service = spec.map(|spec| Service {
        id: "s".to_owned(),
        version: 1,
        spec: Arc::clone(spec),
        previous: None,
        update: None,
        job: None,
        created_at: None,
        updated_at: None,
    });
    Snapshot {
        at: Duration::from_secs(seconds),
        service,
        tasks,
        nodes: [node(1), node(2)].into(),
        lingering: Vec::new(),
    }
}

fn updated(target: &Arc<Spec>) -> Timeline {
    let after = After { spec: Arc::clone(target), version: 1, update: None, at: None };
    let tasks = ["old-1", "old-2", "dead-1"].map(str::to_owned).into();
    Timeline::new(&Expectation {
        id: "s".to_owned(),
        name: "web".to_owned(),
        stack: None,
        deed: Deed::Updated,
        before: Some(Before { spec: spec("web:1"), version: 0, tasks }),
        after: Some(after),
    })
}

/// Slot 1 is updated at second 10, slot 2 at 20; at 30 the swarm goes back.
fn watched() -> Timeline {
    use TaskState::{Failed, Preparing, Running, Shutdown, Starting};
    let (old, new) = (spec("web:1"), spec("web:2"));
    let mut timeline = updated(&new);
    let dead = || task("dead-1", 1, Failed, false);
    let old_1 = |state| task("old-1", 1, state, false);
    let old_2 = |state| task("old-2", 2, state, false);
    for (at, spec, tasks) in [
        (0, &new, vec![old_2(Running), old_1(Running), dead()]),
        (10, &new, vec![old_1(Shutdown), task("new-1", 1, Preparing, true), old_2(Running)]),
        (12, &new, vec![old_1(Shutdown), task("new-1", 1, Starting, true), old_2(Running)]),
        (14, &new, vec![old_1(Shutdown), task("new-1", 1, Running, true), old_2(Running)]),
        (
            20,
            &new,
            vec![task("new-1", 1, Running, true), old_2(Shutdown), task("new-2", 2, Failed, true)],
        ),
        (30, &old, vec![task("new-1", 1, Running, false), task("back-2", 2, Running, true)]),
        (31, &old, vec![task("back-2", 2, Running, true)]),
    ] {
        timeline.see(&snapshot(at, Some(spec), tasks));
    }
    timeline
}

#[test]
fn tasks_are_told_in_order_with_the_states_they_went_through() {
    let told: Vec<_> = watched()
        .lines()
        .iter()
        .map(|line| {
            let states =
                line.states.iter().map(|(at, state)| format!("{}:{}", at.as_secs(), state.name()));
            let states = states.collect::<Vec<_>>().join(" ");
            let node = line.node.as_deref().unwrap();
            format!("{} {node} {} {states}", line.id, if line.new { "new" } else { "old" })
        })
        .collect();
    assert_eq!(
        told,
        [
            "old-1 worker1 old 0:running 10:shutdown",
            "new-1 worker1 new 10:preparing 12:starting 14:running 31:remove",
            "old-2 worker2 old 0:running 20:shutdown",
            "new-2 worker2 new 20:failed",
            "back-2 worker2 old 30:running",
        ]
    );
}

#[test]
fn meanwhile_tells_what_changed_or_was_on_its_way() {
    let timeline = watched();
    let meanwhile = |from, until| {
        timeline.meanwhile(Duration::from_secs(from), Duration::from_secs(until)).join("; ")
    };
    assert_eq!(meanwhile(5, 6), "");
    assert_eq!(
        meanwhile(10, 10),
        "web slot 1: old task on worker1 shut down, new task on worker1 pulling its image"
    );
    assert_eq!(meanwhile(15, 16), "web slot 1: new task on worker1 starting, then running");
    assert_eq!(
        meanwhile(21, 22),
        "web slot 2: old task on worker2 shut down, new task on worker2 failed"
    );
}

#[test]
fn what_hangs_is_told_however_long_ago_it_began() {
    let target = spec("web:2");
    let mut timeline = updated(&target);
    let tasks = vec![task("new-1", 1, TaskState::Starting, true)];
    timeline.see(&snapshot(1, Some(&target), tasks));
    let told = timeline.meanwhile(Duration::from_secs(100), Duration::from_secs(101));
    assert_eq!(told, ["web slot 1: new task on worker1 starting"]);
}

#[test]
fn of_many_slots_the_first_are_told() {
    let target = spec("web:2");
    let mut timeline = updated(&target);
    let tasks = (1..=9).map(|slot| task(&format!("t{slot}"), slot, TaskState::Pending, true));
    timeline.see(&snapshot(1, Some(&target), tasks.collect()));
    let told = timeline.meanwhile(Duration::ZERO, Duration::from_secs(1));
    assert_eq!(told.len(), 6);
    assert_eq!(told.last().unwrap(), "web: 4 more slots");
}

#[test]
fn a_removed_service_s_tasks_end() {
    let mut timeline = Timeline::new(&Expectation {
        id: "s".to_owned(),
        name: "web".to_owned(),
        stack: None,
        deed: Deed::Removed,
        before: None,
        after: None,
    });
    timeline.see(&snapshot(0, None, vec![task("a", 1, TaskState::Running, true)]));
    timeline.see(&snapshot(3, None, Vec::new()));
    timeline.see(&snapshot(4, None, Vec::new()));
    let [line] = <[TaskLine; 1]>::try_from(timeline.lines()).unwrap();
    assert!(!line.new);
    assert_eq!(
        line.states,
        [(Duration::ZERO, TaskState::Running), (Duration::from_secs(3), TaskState::Remove)]
    );
}

#[test]
fn no_more_than_so_many_tasks_are_kept() {
    let target = spec("web:2");
    let mut timeline = updated(&target);
    let tasks = (0..600).map(|slot| task(&format!("t{slot}"), slot, TaskState::Running, true));
    timeline.see(&snapshot(0, Some(&target), tasks.collect()));
    assert_eq!(timeline.lines().len(), MOST_TASKS);
}

//! Records for tests: one deploy of three services, of which one was rolled back.

use std::time::{Duration, UNIX_EPOCH};

use crate::advise::{Advice, Rule};
use crate::expectation::Deed;
use crate::probe::{Count, Outage, Probed};
use crate::record::{Asked, Explanation, HealthResult, Job, Record, Rollout, TaskLine};
use crate::snapshot::TaskState;
use crate::verdict::{Outcome, Phase, Progress, Reason, TaskFailure, Verdict};

pub(crate) fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// Of three services one failed, one succeeded, one was superseded.
pub(crate) fn failed() -> Record {
    Record {
        job: Job {
            name: "deploy".to_owned(),
            id: 4711,
            project: "team/whoami".to_owned(),
            sha: "9f3c2d1e5b".to_owned(),
            url: Some("https://gitlab.example.com/team/whoami/-/jobs/4711".to_owned()),
        },
        began: UNIX_EPOCH + Duration::from_secs(1_760_000_000),
        took: seconds(30.0),
        rollouts: vec![hello(), redis(), agent()],
        advice: vec![advice("whoami_hello"), advice("whoami_redis")],
        probe: Some(probed()),
        cancelled: false,
    }
}

pub(crate) fn asked(image: &str, replicas: u64) -> Asked {
    Asked { image: image.to_owned(), replicas: Some(replicas), mode: "replicated" }
}

pub(crate) fn progress(reached: u64, wanted: u64) -> Progress {
    Progress { reached, wanted, phase: Phase::Rolling, trouble: None }
}

pub(crate) fn verdict(outcome: Outcome, reason: Reason, took: f64) -> Verdict {
    Verdict { outcome, reason, failures: Vec::new(), took: seconds(took) }
}

/// A service that was updated, and nothing else yet.
pub(crate) fn rollout(name: &str) -> Rollout {
    Rollout {
        id: format!("id-{name}"),
        name: name.to_owned(),
        stack: Some("whoami".to_owned()),
        deed: Deed::Updated,
        before: Some(asked("registry.example.com/whoami:1", 3)),
        after: Some(asked("registry.example.com/whoami:2", 3)),
        verdict: None,
        progress: progress(0, 3),
        explanations: Vec::new(),
        tasks: Vec::new(),
        undone: None,
    }
}

fn hello() -> Rollout {
    let message = "update rolled back due to failure or early termination of task t-new-1";
    let reason = Reason::RolledBack { message: message.to_owned() };
    let failures = vec![failure("t-new-1", 1), failure("t-new-2", 2)];
    Rollout {
        verdict: Some(Verdict { failures, ..verdict(Outcome::Failed, reason, 24.5) }),
        explanations: vec![Explanation {
            failure: failure("t-new-1", 1),
            node: Some("worker1".to_owned()),
            log: ["starting", "listening on :8000", "database <db> & cache: not reachable"]
                .map(str::to_owned)
                .to_vec(),
            health: ["2025-10-09T08:53:31Z", "2025-10-09T08:53:36Z"].map(health).to_vec(),
            hints: vec!["the health check asks port 80, the service listens on 8000".to_owned()],
        }],
        tasks: hello_tasks(),
        ..rollout("whoami_hello")
    }
}

fn hello_tasks() -> Vec<TaskLine> {
    use TaskState::{
        Assigned, Complete, Failed, New, Pending, Preparing, Running, Shutdown, Starting,
    };
    let mut bad = task(
        "t-new-1",
        1,
        "worker1",
        true,
        &[(1.0, New), (1.2, Assigned), (1.5, Preparing), (4.0, Starting), (14.0, Failed)],
    );
    bad.error = Some("task: non-zero exit (1): dockerexec: unhealthy container".to_owned());
    vec![
        task("t-old-1", 1, "worker1", false, &[(0.0, Running), (2.5, Shutdown)]),
        bad,
        task(
            "t-back-1",
            1,
            "worker3",
            false,
            &[(14.5, Preparing), (15.0, Starting), (20.0, Running)],
        ),
        task("t-old-2", 2, "worker2", false, &[(0.0, Running), (14.2, Complete)]),
        task(
            "t-new-2",
            2,
            "worker2",
            true,
            &[(1.0, Pending), (8.0, Preparing), (9.0, Starting), (14.1, Failed)],
        ),
        task("t-back-2", 2, "worker2", false, &[(14.6, Starting), (20.2, Running)]),
        task("t-old-3", 3, "worker3", false, &[(0.0, Running)]),
    ]
}

fn redis() -> Rollout {
    let digest = |digit: &str| format!("redis:7@sha256:{}", digit.repeat(64));
    let running = |slot, begin| {
        task(
            &format!("t-redis-{slot}"),
            slot,
            "worker1",
            true,
            &[(begin, TaskState::Starting), (begin + 2.0, TaskState::Running)],
        )
    };
    Rollout {
        before: Some(asked(&digest("a"), 1)),
        after: Some(asked(&digest("b"), 3)),
        progress: progress(3, 3),
        verdict: Some(verdict(Outcome::Succeeded, Reason::Converged, 9.1)),
        tasks: vec![running(1, 0.5), running(2, 1.0), running(3, 1.5)],
        ..rollout("whoami_redis")
    }
}

fn agent() -> Rollout {
    let on = |node: &str, begin| TaskLine {
        slot: None,
        ..task(&format!("t-agent-{node}"), 0, node, true, &[(begin, TaskState::Running)])
    };
    Rollout {
        deed: Deed::Created,
        before: None,
        after: Some(Asked { image: "agent:5".to_owned(), replicas: None, mode: "global" }),
        progress: progress(2, 2),
        verdict: Some(verdict(Outcome::Superseded, Reason::SupersededByUpdate, 3.0)),
        tasks: vec![on("worker1", 1.0), on("worker2", 1.3)],
        ..rollout("whoami_agent")
    }
}

pub(crate) fn failure(task: &str, slot: u64) -> TaskFailure {
    TaskFailure {
        task: task.to_owned(),
        slot: Some(slot),
        node: Some(format!("worker{slot}")),
        state: TaskState::Failed,
        error: Some("task: non-zero exit (1): dockerexec: unhealthy container".to_owned()),
        exit_code: Some(1),
        container: Some(format!("container-{task}")),
    }
}

fn health(at: &str) -> HealthResult {
    let output = "curl: (7) Failed to connect\n".to_owned();
    HealthResult { at: at.to_owned(), exit_code: 1, output }
}

pub(crate) fn task(
    id: &str,
    slot: u64,
    node: &str,
    new: bool,
    states: &[(f64, TaskState)],
) -> TaskLine {
    TaskLine {
        id: id.to_owned(),
        slot: Some(slot),
        node: Some(node.to_owned()),
        new,
        image: format!("registry.example.com/whoami:{}", if new { 2 } else { 1 }),
        states: states.iter().map(|(at, state)| (seconds(*at), *state)).collect(),
        error: None,
    }
}

fn advice(service: &str) -> Advice {
    Advice {
        service: service.to_owned(),
        rule: Rule::Healthcheck,
        reason: "without a health check requests reach a task before it listens".to_owned(),
        lines: "healthcheck:\n  test: curl --fail http://localhost:8000/\n  interval: 5s"
            .to_owned(),
    }
}

fn probed() -> Probed {
    Probed {
        url: "http://whoami.example.com/".to_owned(),
        fresh: Count { sent: 300, failed: 4 },
        kept: Count { sent: 300, failed: 1 },
        longest_gap: seconds(1.3),
        outages: vec![Outage {
            from: seconds(2.6),
            until: seconds(3.9),
            failed: 5,
            error: "503 Service Unavailable".to_owned(),
            meanwhile: vec![
                "whoami_hello slot 1: old task on worker1 shut down, new task on worker1 pulling its \
                 image"
                    .to_owned(),
            ],
        }],
    }
}

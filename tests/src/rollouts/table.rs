//! The rows.

use super::truth::Deed::{Created, Removed, RolledBack, Updated};
use super::{DEPLOY, Deploy, Other, Row, Truth};

/// `web.yml` as it is.
const GOOD: Deploy = web(&[]);

/// The good second version.
const SECOND: Deploy = web(&[("IMAGE", "web:v2")]);

const fn web(variables: &'static [(&'static str, &'static str)]) -> Deploy {
    Deploy { file: "web.yml", variables }
}

const fn global(variables: &'static [(&'static str, &'static str)]) -> Deploy {
    Deploy { file: "global.yml", variables }
}

const fn file(file: &'static str) -> Deploy {
    Deploy { file, variables: &[] }
}

/// A first deploy.
const fn first(name: &'static str, change: Deploy, truth: Truth) -> Row {
    Row { name, before: None, earlier: &[], change, script: DEPLOY, others: &[], truth }
}

/// A deploy over what [`GOOD`] has deployed.
const fn update(name: &'static str, change: Deploy, truth: Truth) -> Row {
    Row { before: Some(GOOD), ..first(name, change, truth) }
}

/// Rows for a swarm that others use at the same time.
pub const SHARED: &[Row] = &[
    update("good-update", SECOND, Truth::good(Updated, &["converged"], 20)),
    first("first-deploy", GOOD, Truth::good(Created, &["converged"], 10)),
    update(
        "bad-image",
        web(&[("IMAGE", "registry.invalid/web:v9"), ("RESTART_DELAY", "2s")]),
        Truth::bad(Updated, &["paused"], &["No such image: registry.invalid/web:v9"], 15),
    ),
    update(
        "unhealthy-rollback",
        web(&[("BROKEN", "the disk is on fire"), ("DEAF", "1"), ("FAILURE_ACTION", "rollback")]),
        Truth::bad(
            Updated,
            &["rolled_back"],
            &["unhealthy container", "the disk is on fire", "rolled back"],
            40,
        ),
    ),
    update(
        "unhealthy-pause",
        web(&[("BROKEN", "the disk is on fire"), ("FAILURE_ACTION", "pause")]),
        Truth::bad(Updated, &["paused"], &["the disk is on fire", "update paused"], 20),
    ),
    update(
        "unhealthy-continue",
        web(&[("BROKEN", "the disk is on fire"), ("DEAF", "1"), ("FAILURE_ACTION", "continue")]),
        Truth::bad(
            Updated,
            &["crash_loop", "completed_without_convergence", "no_progress"],
            &["unhealthy container", "the disk is on fire"],
            60,
        ),
    ),
    update(
        "crash-within-monitor",
        web(&[("IMAGE", "web:bare-v2"), ("CRASH_AFTER", "2"), ("MONITOR", "10s")]),
        Truth::bad(
            Updated,
            &["paused"],
            &["non-zero exit (1)", "lost the database: giving up", "update paused"],
            30,
        ),
    ),
    update(
        "crash-after-monitor",
        web(&[("IMAGE", "web:bare-v2"), ("CRASH_AFTER", "4"), ("MONITOR", "1s")]),
        Truth::bad(
            Updated,
            &["crash_loop", "completed_without_convergence"],
            &["non-zero exit (1)", "lost the database: giving up"],
            30,
        ),
    ),
    first(
        "first-deploy-crash-loop",
        web(&[("IMAGE", "web:bare-v1"), ("CRASH_AFTER", "2"), ("MONITOR", "5s")]),
        Truth::bad(
            Created,
            &["crash_loop"],
            &["non-zero exit (1)", "lost the database: giving up"],
            30,
        ),
    ),
    first(
        "first-deploy-without-node",
        web(&[("OS", "plan9")]),
        Truth::bad(
            Created,
            &["no_progress"],
            &["no suitable node (scheduling constraints not satisfied on", "node.platform.os"],
            10,
        ),
    ),
    first("job-succeeds", file("job.yml"), Truth::good(Created, &["completed"], 15)),
    // `max_attempts` is 1, and yet it goes on: of several completions each failure makes a new task.
    first(
        "job-fails",
        Deploy { file: "job.yml", variables: &[("EXIT", "7")] },
        Truth::bad(
            Created,
            &["job_failed", "exhausted", "crash_loop"],
            &["non-zero exit (7)", "migrating"],
            40,
        ),
    ),
    first("one-shot", file("once.yml"), Truth::good(Created, &["completed"], 10)),
    first(
        "one-shot-fails",
        Deploy { file: "once.yml", variables: &[("EXIT", "7")] },
        Truth::bad(Created, &["exhausted"], &["non-zero exit (7)", "migrating"], 10),
    ),
    update(
        "scale-to-zero",
        web(&[("REPLICAS", "0")]),
        Truth::good(Updated, &["scaled_to_zero"], 15),
    ),
    Row {
        name: "scale-up-from-zero",
        before: Some(web(&[("REPLICAS", "0")])),
        earlier: &[],
        change: web(&[("REPLICAS", "3")]),
        script: DEPLOY,
        others: &[],
        truth: Truth::good(Updated, &["converged"], 15),
    },
    update(
        "label-only",
        web(&[("NOTE", "changed")]),
        Truth::good(Updated, &["unchanged", "converged"], 8),
    ),
    update("no-op", GOOD, Truth::good(Updated, &["unchanged", "converged"], 8)),
    Row {
        name: "removed-by-the-job",
        before: Some(file("own-network.yml")),
        earlier: &[],
        change: file("own-network.yml"),
        script: &["docker stack rm $STACK"],
        others: &[],
        truth: Truth::good(Removed, &["removed"], 15),
    },
    Row {
        script: &["docker stack deploy -c stack.yml $STACK", "docker service rm ${STACK}_web"],
        ..first("created-and-removed", GOOD, Truth::good(Removed, &["removed"], 15))
    },
    Row {
        name: "removed-by-others",
        others: &[Other::Line("docker service rm ${STACK}_web")],
        ..update("", SECOND, Truth::bad(Updated, &["removed_by_others"], &["removed"], 8))
    },
    Row {
        name: "superseded",
        others: &[Other::Line(
            "docker service update --detach --no-resolve-image --env-add VERSION=theirs ${STACK}_web",
        )],
        ..update("", SECOND, Truth::superseded(Updated, &["superseded_by_update"], 25))
    },
    Row {
        name: "rolled-back-by-the-job",
        script: &[
            "docker stack deploy -c stack.yml $STACK",
            "sleep 3",
            "docker service rollback --detach ${STACK}_web",
        ],
        ..update("", SECOND, Truth::good(RolledBack, &["rolled_back_as_asked", "converged"], 20))
    },
    Row {
        name: "rollback-paused",
        before: Some(file("fickle.yml")),
        earlier: &[],
        change: Deploy { file: "fickle.yml", variables: &[("CRASH_AFTER", "1")] },
        script: DEPLOY,
        others: &[],
        truth: Truth::bad(Updated, &["rollback_paused"], &["non-zero exit (3)"], 30),
    },
    // The orchestrator calls that `completed`, though the rollback has failed.
    Row {
        name: "rollback-rolled-back",
        before: Some(file("fickle.yml")),
        earlier: &[],
        change: Deploy {
            file: "fickle.yml",
            variables: &[("CRASH_AFTER", "1"), ("ROLLBACK_FAILURE_ACTION", "rollback")],
        },
        script: DEPLOY,
        others: &[],
        truth: Truth::bad(
            Updated,
            &["rollback_paused", "crash_loop", "completed_without_convergence"],
            &["non-zero exit (3)"],
            30,
        ),
    },
];

/// Rows that need a swarm of their own: three managers and two workers, of which each may lose nodes.
pub const ALONE: &[Row] = &[
    Row {
        name: "drained-node",
        before: Some(global(&[])),
        change: global(&[("IMAGE", "web:v2")]),
        earlier: &[Other::DrainAWorker],
        script: DEPLOY,
        others: &[],
        truth: Truth::good(Updated, &["converged"], 40),
    },
    Row {
        name: "worker-killed",
        others: &[Other::KillAWorker { starting: false }],
        ..update(
            "",
            web(&[("IMAGE", "web:v2"), ("REPLICAS", "6"), ("LISTEN_AFTER", "2")]),
            Truth::good(Updated, &["converged"], 60),
        )
    },
    // The orchestrator waits for that task until the node is back.
    Row {
        name: "worker-killed-at-start",
        before: Some(web(&[("REPLICAS", "6")])),
        others: &[Other::KillAWorker { starting: true }],
        ..update(
            "",
            web(&[("IMAGE", "web:v2"), ("REPLICAS", "6"), ("LISTEN_AFTER", "2")]),
            Truth::bad(
                Updated,
                &["no_progress"],
                &[" is down, and the update waits for a task there"],
                120,
            ),
        )
    },
    Row {
        name: "leader-killed",
        others: &[Other::KillTheLeader],
        ..update(
            "",
            web(&[("IMAGE", "web:v2"), ("REPLICAS", "6"), ("LISTEN_AFTER", "1")]),
            Truth::good(Updated, &["converged"], 90),
        )
    },
];

/// The row with this name.
pub fn row(name: &str) -> Option<&'static Row> {
    SHARED.iter().chain(ALONE).find(|row| row.name == name)
}

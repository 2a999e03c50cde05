//! Cancels, aborts and timeouts, in the midst of a stage.

use std::time::Duration;

use play::{Cancel, Event, Job, Outcome, Protocol, Runner, Status};

use crate::world::World;

/// Plays, and does `act` once the job log shows `mark`.
async fn play_until(runner: &Runner, job: &Job, mark: &str, act: fn(&Cancel)) -> Outcome {
    let cancel = Cancel::default();
    let (mut log, mut done) = (Vec::new(), false);
    let watcher = |event| {
        if let Event::Log(bytes) = event {
            log.extend(bytes);
            if !done && String::from_utf8_lossy(&log).contains(mark) {
                done = true;
                act(&cancel);
            }
        }
    };
    runner.play(job, &cancel, watcher).await
}

fn sleeping_job() -> Job {
    Job::new("build")
        .script(["echo -n now-; echo sleeping", "sleep 600"])
        .after_script(["echo \"status is $CI_JOB_STATUS\""])
}

#[tokio::test]
async fn a_cancel_ends_the_script_and_lets_the_rest_run() {
    let world = World::new();
    let outcome =
        play_until(&world.runner(), &sleeping_job(), "now-sleeping", Cancel::cancel).await;
    assert_eq!(outcome.status, Status::Cancelled);
    let log = outcome.log_text();
    assert!(log.contains("status is canceled"), "{log}");
    assert!(log.contains("ERROR: Job failed: canceled"), "{log}");
    assert_eq!(
        outcome.stage_names()[4..],
        ["build_script", "after_script", "cleanup_file_variables", "cleanup"]
    );
}

#[tokio::test]
async fn a_cancel_of_the_old_runner_ends_everything_but_cleanup() {
    let world = World::new();
    let mut runner = world.runner();
    runner.protocol = Protocol::V14_7;
    let outcome = play_until(&runner, &sleeping_job(), "now-sleeping", Cancel::cancel).await;
    assert_eq!(outcome.status, Status::Cancelled);
    assert_eq!(outcome.stage_names()[4..], ["build_script", "cleanup"]);
}

#[tokio::test]
async fn an_abort_ends_the_new_runners_build_too() {
    let world = World::new();
    let outcome = play_until(&world.runner(), &sleeping_job(), "now-sleeping", Cancel::abort).await;
    assert_eq!(outcome.status, Status::Cancelled);
    assert_eq!(outcome.stage_names()[4..], ["build_script", "cleanup"]);
}

#[tokio::test]
async fn a_cancel_before_the_script_ends_the_build() {
    let world = World::new();
    world.driver("prepare", "echo pre''paring; sleep 600");
    let outcome = play_until(&world.runner(), &sleeping_job(), "preparing", Cancel::cancel).await;
    assert_eq!(outcome.status, Status::Cancelled);
    assert_eq!(outcome.stage_names(), ["config", "prepare", "cleanup"]);
}

#[tokio::test]
async fn a_stage_that_ignores_sigterm_is_killed_with_its_group() {
    let world = World::new();
    world.driver("run", r#"[ "$2" = build_script ] || exec bash "$1"; trap '' TERM; echo stub''born; while :; do sleep 1; done"#);
    let mut runner = world.runner();
    runner.graceful_kill_timeout = Duration::from_millis(10);
    let outcome = play_until(&runner, &sleeping_job(), "stubborn", Cancel::cancel).await;
    assert_eq!(outcome.stage("build_script").unwrap().exit.to_string(), "signal: killed");
    assert_eq!(outcome.status, Status::Cancelled);
}

#[tokio::test]
async fn haste_does_not_wait_for_a_stage_that_takes_its_time() {
    let world = World::new();
    world.driver("run", r#"[ "$2" = build_script ] || exec bash "$1"; trap 'echo te''rmed' TERM; echo stub''born; while :; do sleep 1; done"#);
    let cancel = Cancel::default();
    let mut log = Vec::new();
    let watcher = |event| {
        if let Event::Log(bytes) = event {
            log.extend(bytes);
            let text = String::from_utf8_lossy(&log).into_owned();
            if text.contains("termed") {
                cancel.hasten();
            } else if text.contains("stubborn") {
                cancel.cancel();
            }
        }
    };
    let outcome = world.runner().play(&sleeping_job(), &cancel, watcher).await;
    assert_eq!(outcome.stage("build_script").unwrap().exit.to_string(), "signal: killed");
    assert_eq!(outcome.stage_names().last(), Some(&"cleanup"));
    assert!(outcome.stage("after_script").is_none());
}

#[tokio::test]
async fn a_timeout_skips_what_is_left() {
    let world = World::new();
    let job = Job::new("build").script(["sleep 600"]).after_script(["true"]);
    let outcome = world.play(&job.timeout(Duration::from_secs(2))).await;
    assert_eq!(outcome.status, Status::TimedOut, "{}", outcome.log_text());
    assert_eq!(outcome.reason.as_deref(), Some("execution took longer than 2 seconds"));
    assert_eq!(outcome.stage_names().last(), Some(&"cleanup"));
    assert!(outcome.stage("after_script").is_none());
}

#[tokio::test]
async fn cleanup_runs_beside_a_build_that_does_not_end() {
    let world = World::new();
    world.driver(
        "run",
        r#"[ "$2" = build_script ] || exec bash "$1"
           trap 'echo asked >> "$WORLD/calls"' TERM
           echo stub''born
           until [ -e "$WORLD/released" ]; do sleep 0.05; done"#,
    );
    world.driver("cleanup", r#"touch "$WORLD/released""#);
    let mut runner = world.runner();
    runner.build_finish_timeout = Duration::from_millis(200);
    let outcome = play_until(&runner, &sleeping_job(), "stubborn", Cancel::abort).await;
    assert!(outcome.log_text().contains("Timed out waiting for the build to finish"));
    let calls = world.calls();
    assert_eq!(calls[calls.len() - 2..], ["asked", "cleanup"]);
}

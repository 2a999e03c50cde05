//! Exit codes and other ends, and what they are taken for.

use play::{Cancel, Event, Exec, ExitCodes, Job, Protocol, Signal, Status};

use crate::world::World;

fn job() -> Job {
    Job::new("build").script(["exit 3"])
}

#[tokio::test]
async fn the_scripts_own_code_is_told_where_the_protocol_can_tell_it() {
    let world = World::new();
    let outcome = world.play(&job()).await;
    assert_eq!(outcome.status, Status::ScriptFailure(3));
    assert!(outcome.log_text().contains("ERROR: Job failed: exit status 3\x1b[0;m\n"));

    let mut runner = world.runner();
    runner.protocol = Protocol::V14_7;
    let outcome = runner.play(&job(), &Cancel::default(), |_| {}).await;
    assert_eq!(outcome.status, Status::BuildFailure);
    assert!(outcome.log_text().contains("ERROR: Job failed: exit status 1"));
}

#[tokio::test]
async fn a_code_that_is_no_number_is_an_unknown_failure() {
    let world = World::new();
    world.driver("run", r#"echo three > "$BUILD_EXIT_CODE_FILE"; exit 1"#);
    assert_eq!(world.play(&job()).await.status, Status::Unknown);
}

#[tokio::test]
async fn the_codes_are_those_that_the_driver_was_told() {
    let world = World::new();
    world.driver("run", r#"[ "$2" = build_script ] && exit "$SYSTEM_FAILURE_EXIT_CODE"; exit 0"#);
    let mut runner = world.runner();
    runner.exit_codes = ExitCodes { build: 41, system: 42 };
    let outcome = runner.play(&job(), &Cancel::default(), |_| {}).await;
    assert_eq!(outcome.status, Status::SystemFailure);
    assert_eq!(outcome.reason.as_deref(), Some("exit status 42"));
}

#[tokio::test]
async fn any_other_end_is_unknown() {
    let world = World::new();
    world.driver("run", r#"[ "$2" = build_script ] && exit 5; exit 0"#);
    assert_eq!(world.play(&job()).await.status, Status::Unknown);
    world.driver("run", r#"[ "$2" = build_script ] && kill -KILL $$; exit 0"#);
    let outcome = world.play(&job()).await;
    assert_eq!(outcome.status, Status::Unknown);
    assert!(
        outcome
            .reason
            .unwrap()
            .ends_with("exit code -1; executable execution terminated with: signal: killed")
    );
}

#[tokio::test]
async fn a_stage_can_be_killed_from_outside_and_cleanup_still_runs() {
    let world = World::new();
    world.driver("prepare", "sleep 600");
    let runner = world.runner();
    let outcome = runner
        .play(&job(), &Cancel::default(), |event| {
            if let Event::Started(process) = event
                && process.stage == "prepare"
            {
                process.signal_group(Signal::SIGKILL).unwrap();
            }
        })
        .await;
    assert_eq!(outcome.status, Status::Unknown);
    assert_eq!(outcome.stage_names(), ["config", "prepare", "cleanup"].repeat(3));
    assert_eq!(outcome.stages.last().unwrap().attempt, 3);
}

#[tokio::test]
async fn prepare_is_tried_again_after_a_system_failure_only() {
    let world = World::new();
    world.driver("prepare", r#"[ $(grep -c prepare "$WORLD/calls") -ge 2 ] || exit 2"#);
    let outcome = world.play(&Job::new("build").script(["true"])).await;
    assert_eq!(outcome.status, Status::Success);
    assert_eq!(outcome.stage_names()[..5], ["config", "prepare", "cleanup", "config", "prepare"]);
    assert!(outcome.log_text().contains("ERROR: Preparation failed: exit status 2"));

    let world = World::new();
    world.driver("prepare", "exit 1");
    let outcome = world.play(&job()).await;
    assert_eq!(outcome.status, Status::BuildFailure);
    assert_eq!(outcome.stage_names(), ["config", "prepare", "cleanup"]);
    assert_eq!(world.leftovers(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn config_may_print_one_json_object_and_nothing_else() {
    for (printed, works) in [("{}", true), ("", true), ("{} {}", false), ("hello", false)] {
        let world = World::new();
        world.driver("config", &format!("echo -n '{printed}'"));
        let mut runner = world.runner();
        runner.builds_dir = Some(world.path("builds"));
        runner.cache_dir = Some(world.path("cache"));
        let outcome = runner.play(&Job::new("build"), &Cancel::default(), |_| {}).await;
        assert_eq!(outcome.is_success(), works, "{printed:?}: {}", outcome.log_text());
    }
}

#[tokio::test]
async fn without_a_builds_dir_the_job_fails_at_once() {
    let world = World::new();
    world.driver("config", "true");
    let outcome = world.play(&job()).await;
    assert_eq!(outcome.reason.as_deref(), Some("the builds_dir is not configured"));
    assert_eq!(outcome.stage_names(), ["config", "cleanup"]);
}

#[tokio::test]
async fn an_executable_that_is_not_there_is_a_system_failure() {
    let world = World::new();
    let mut runner = world.runner();
    runner.run = Exec::new(world.path("nothing"));
    let outcome = runner.play(&job(), &Cancel::default(), |_| {}).await;
    assert_eq!(outcome.status, Status::SystemFailure);
    let log = outcome.log_text();
    let expected = format!(
        "ERROR: Job failed (system failure): prepare environment: failed to start command: \
         fork/exec {}: No such file or directory (os error 2). Check https://docs.gitlab.com/",
        world.path("nothing").display()
    );
    assert!(log.contains(&expected), "{log}");
}

#[tokio::test]
async fn a_failed_cleanup_warns_before_the_jobs_last_line() {
    let world = World::new();
    world.driver("cleanup", "echo leftovers; echo trouble >&2; exit 2");
    let outcome = world.play(&Job::new("build").script(["true"])).await;
    assert_eq!(outcome.status, Status::Success);
    assert_eq!(String::from_utf8_lossy(&outcome.cleanup_log).len(), "leftovers\ntrouble\n".len());
    let log = outcome.log_text();
    let (warning, verdict) =
        (log.find("WARNING: Cleanup script failed"), log.find("Job succeeded"));
    assert!(warning.is_some() && warning < verdict, "{log}");
    assert!(!log.contains("leftovers") && !log.contains("trouble"), "{log}");
}

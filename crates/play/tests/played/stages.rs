//! The order of stages, and which of them are skipped.

use play::{Cancel, Dependency, Job, Protocol, Sources, Status, Variable};

use crate::world::World;

#[tokio::test]
async fn a_job_goes_through_its_stages_in_order() {
    let world = World::new();
    let job = Job::new("build").script(["echo hello"]).after_script(["echo after"]);
    let outcome = world.play(&job).await;
    assert_eq!(outcome.status, Status::Success, "{}", outcome.log_text());
    let expected = [
        "config",
        "prepare",
        "run prepare_script",
        "run get_sources",
        "run build_script",
        "run after_script",
        "run cleanup_file_variables",
        "cleanup",
    ];
    assert_eq!(world.calls(), expected);
    assert_eq!(world.leftovers(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn the_old_runner_skips_a_cleanup_of_files_that_nobody_wrote() {
    let world = World::new();
    let mut runner = world.runner();
    runner.protocol = Protocol::V14_7;
    let job = Job::new("build").script(["true"]);
    let outcome = runner.play(&job, &Cancel::default(), |_| {}).await;
    assert_eq!(
        outcome.stage_names(),
        ["config", "prepare", "prepare_script", "get_sources", "build_script", "cleanup"]
    );
}

#[tokio::test]
async fn caches_and_artifacts_have_their_stages_when_the_job_asks() {
    let world = World::new();
    let earlier =
        Dependency { id: 4241, name: "earlier".into(), file_name: "a.zip".into(), size: 1 };
    let job = Job::new("build")
        .script(["false"])
        .cache("default", ".cargo/")
        .artifact("target/")
        .dependency(earlier);
    let outcome = world.play(&job).await;
    assert_eq!(
        outcome.stage_names()[4..],
        [
            "restore_cache",
            "download_artifacts",
            "build_script",
            "archive_cache_on_failure",
            "upload_artifacts_on_failure",
            "cleanup_file_variables",
            "cleanup"
        ]
    );
}

#[tokio::test]
async fn get_sources_is_tried_as_often_as_the_job_says() {
    let world = World::new();
    let job = Job::new("build")
        .script(["echo never"])
        .sources(Sources::Clone { url: world.path("no-such-repository").display().to_string() })
        .variable(Variable::new("GET_SOURCES_ATTEMPTS", "3"));
    let outcome = world.play(&job).await;
    assert!(matches!(outcome.status, Status::ScriptFailure(_)), "{:?}", outcome.status);
    let names = outcome.stage_names();
    let expected =
        ["get_sources", "clear_worktree", "get_sources", "get_sources", "cleanup_file_variables"];
    assert_eq!(names[3..8], expected);
    assert_eq!(names.last(), Some(&"cleanup"));
}

#[tokio::test]
async fn after_script_runs_after_a_failure_and_cannot_change_it() {
    let world = World::new();
    let job =
        Job::new("build").script(["exit 7"]).after_script(["echo status $CI_JOB_STATUS", "exit 9"]);
    let outcome = world.play(&job).await;
    assert_eq!(outcome.status, Status::ScriptFailure(7));
    assert!(outcome.log_text().contains("status failed"));
    assert!(outcome.log_text().contains("after_script failed, but job will continue unaffected"));
}

#[tokio::test]
async fn cleanup_alone_has_the_job_but_no_place() {
    let world = World::new();
    world.driver("cleanup", r#"echo "[$CUSTOM_ENV_CI_JOB_ID] [$CUSTOM_ENV_CI_BUILDS_DIR]""#);
    let outcome = world.runner().clean_up(&Job::new("build"), |_| {}).await;
    assert_eq!(outcome.stage_names(), ["cleanup"]);
    assert_eq!(String::from_utf8_lossy(&outcome.cleanup_log), "[4242] []\n");
}

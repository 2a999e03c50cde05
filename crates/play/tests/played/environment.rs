//! What the driver's processes are given.

use std::os::unix::fs::PermissionsExt as _;

use play::{Cancel, Image, Job, Protocol, Service, Variable};
use serde_json::{Value, json};

use crate::world::World;

/// The environment that `prepare` saw, as `KEY=value` lines.
async fn environment(world: &World, runner: play::Runner, job: &Job) -> String {
    world.driver("prepare", "env > \"$WORLD/env\"; cp \"$JOB_RESPONSE_FILE\" \"$WORLD/response\"");
    runner.play(job, &Cancel::default(), |_| {}).await;
    world.read("env")
}

fn value<'a>(environment: &'a str, key: &str) -> Option<&'a str> {
    environment.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
}

#[tokio::test]
async fn job_env_shadows_the_protocol_and_never_the_job() {
    let world = World::new();
    world.driver(
        "config",
        r#"echo '{"builds_dir": "/b", "cache_dir": "/c", "job_env":
            {"SYSTEM_FAILURE_EXIT_CODE": "99", "OWN": "x", "CUSTOM_ENV_CI": "forged", "LANG": "shadowed"}}'"#,
    );
    let mut runner = world.runner();
    runner.os_environment = Some(vec![
        ("PATH".into(), "/usr/bin:/bin".into()),
        ("LANG".into(), "C".into()),
        ("BUILD_FAILURE_EXIT_CODE".into(), "55".into()),
    ]);
    let seen = environment(&world, runner, &Job::new("build")).await;
    for (key, expected) in [
        ("SYSTEM_FAILURE_EXIT_CODE", "99"),
        ("BUILD_FAILURE_EXIT_CODE", "1"),
        ("OWN", "x"),
        ("LANG", "shadowed"),
        ("CUSTOM_ENV_CI", "true"),
        ("CUSTOM_ENV_CI_PROJECT_DIR", "/b/group/app"),
    ] {
        assert_eq!(value(&seen, key), Some(expected), "{key}");
    }
}

#[tokio::test]
async fn what_the_old_protocol_did_not_have_is_absent() {
    let world = World::new();
    let mut runner = world.runner();
    let modern = environment(&world, runner.clone(), &Job::new("build")).await;
    runner.protocol = Protocol::V14_7;
    let old = environment(&world, runner, &Job::new("build")).await;
    for key in ["BUILD_EXIT_CODE_FILE", "CUSTOM_ENV_CI_JOB_TIMEOUT"] {
        assert!(value(&modern, key).is_some(), "{key}");
        assert_eq!(value(&old, key), None, "{key}");
    }
    let response: Value = serde_json::from_str(&world.read("response")).unwrap();
    assert_eq!(response["job_info"]["project_full_path"], Value::Null);
    assert_eq!(response["git_info"]["protected"], Value::Null);
    assert_eq!(response["image"], json!({ "name": "" }));
}

#[tokio::test]
async fn the_server_is_the_one_that_the_repository_lies_on() {
    let world = World::new();
    let mut job = Job::new("build");
    "https://gitlab-ci-token:x@git.example.org:8443/group/app.git"
        .clone_into(&mut job.git.repo_url);
    let seen = environment(&world, world.runner(), &job).await;
    for (key, expected) in [
        ("CI_SERVER_URL", "https://git.example.org:8443"),
        ("CI_SERVER_PROTOCOL", "https"),
        ("CI_SERVER_HOST", "git.example.org"),
        ("CI_SERVER_PORT", "8443"),
        ("CI_PROJECT_URL", "https://git.example.org:8443/group/app"),
    ] {
        assert_eq!(value(&seen, &format!("CUSTOM_ENV_{key}")), Some(expected), "{key}");
    }
}

#[tokio::test]
async fn the_temporary_directory_is_private_and_where_the_process_is() {
    let world = World::new();
    world.driver("prepare", r#"pwd > "$WORLD/pwd"; stat -c %a . response.json > "$WORLD/modes"; echo "$TMPDIR" > "$WORLD/tmpdir""#);
    world.play(&Job::new("build")).await;
    assert_eq!(world.read("pwd"), world.read("tmpdir"));
    assert_eq!(world.read("modes"), "700\n600\n");
}

#[tokio::test]
async fn file_variables_arrive_as_content_and_the_script_sees_a_path() {
    let world = World::new();
    let job = Job::new("build").variable(Variable::file("CA", "line 1\nline 2")).script([
        "cat \"$CA\"",
        "ls -l \"$CA\" > \"$CI_PROJECT_DIR/../seen\"",
        "echo \"$CA\"",
    ]);
    let outcome = world.play(&job).await;
    let log = outcome.log_text();
    assert!(log.contains("line 1\nline 2"), "{log}");
    let path = world.path("builds/group/app.tmp/CA");
    assert!(log.contains(&path.display().to_string()), "{log}");
    assert!(!path.exists());
    let seen = environment(&world, world.runner(), &job).await;
    assert!(seen.contains("CUSTOM_ENV_CA=line 1\nline 2\n"));
}

#[tokio::test]
async fn images_and_services_are_described_as_each_protocol_describes_them() {
    let world = World::new();
    let job = Job::new("build").variable(Variable::new("TAG", "27")).image("docker:$TAG").service(
        Service {
            image: Image { name: "postgres:$TAG".into(), ..Image::default() },
            aliases: vec!["db".into(), "database".into()],
            variables: vec![Variable::new("PGDATA", "/data/$TAG")],
            ..Service::default()
        },
    );
    let mut runner = world.runner();
    let modern = environment(&world, runner.clone(), &job).await;
    let services: Value =
        serde_json::from_str(value(&modern, "CUSTOM_ENV_CI_JOB_SERVICES").unwrap()).unwrap();
    assert_eq!(services[0]["name"], "postgres:27");
    assert_eq!(services[0]["alias"], "db");
    assert_eq!(services[0]["variables"]["PGDATA"], "/data/27");
    let response: Value = serde_json::from_str(&world.read("response")).unwrap();
    assert_eq!(response["image"]["name"], "docker:27");
    assert_eq!(response["services"][0]["alias"], "db database");
    assert_eq!(response["services"][0]["variables"][0]["value"], "/data/$TAG");

    runner.protocol = Protocol::V14_7;
    let old = environment(&world, runner, &job).await;
    let services: Value =
        serde_json::from_str(value(&old, "CUSTOM_ENV_CI_JOB_SERVICES").unwrap()).unwrap();
    assert_eq!(services[0]["name"], "postgres:$TAG");
    assert_eq!(services[0]["variables"], Value::Null);
    let response: Value = serde_json::from_str(&world.read("response")).unwrap();
    assert_eq!(response["image"], json!({ "name": "docker:$TAG" }));
    assert_eq!(response["services"], json!([{ "name": "postgres:$TAG", "alias": "db database" }]));
}

#[tokio::test]
async fn the_script_has_the_name_and_mode_that_each_protocol_gives_it() {
    let world = World::new();
    for (protocol, name) in [(Protocol::V14_7, "script."), (Protocol::V19, "script")] {
        let mut runner = world.runner();
        runner.protocol = protocol;
        let mut scripts = Vec::new();
        let watch = |event| {
            if let play::Event::Started(play::Process { script: Some(script), .. }) = event {
                scripts.push((script.metadata().unwrap().permissions().mode() & 0o777, script));
            }
        };
        runner.play(&Job::new("build").script(["true"]), &Cancel::default(), watch).await;
        assert!(!scripts.is_empty());
        for (mode, script) in scripts {
            assert_eq!((mode, script.file_name().unwrap().to_str().unwrap()), (0o700, name));
        }
    }
}

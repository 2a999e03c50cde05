//! Played jobs in containers, by a driver of four shell scripts: what scripts of both ends of the
//! range do with git, caches and artifacts is real.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use play::{Cancel, Exec, Job, Outcome, Protocol, Runner, Shell, Sources, Variable};
use testkit::coordinator::Coordinator;
use testkit::git;
use testkit::images;
use testkit::nodes::{Swarm, SwarmOptions};
use tokio::process::Command;

/// Two containers that share a volume, `$ENGINE` being a docker CLI at theirs.
const PREPARE: &str = r#"for role in job:bash gitlab-helper:test; do
    $ENGINE run --detach --name "$CUSTOM_ENV_CI_JOB_ID-${role%:*}" \
        --volume "$CUSTOM_ENV_CI_JOB_ID:/builds" --volume cache:/cache "$role" sleep 1000
done"#;
const CONFIG: &str = r#"echo '{"builds_dir": "/builds", "cache_dir": "/cache"}'"#;
const RUN: &str = r#"case $2 in
build_script | after_script) role=job ;;
*) role=gitlab-helper ;;
esac
$ENGINE exec --interactive "$CUSTOM_ENV_CI_JOB_ID-$role" bash <"$1" || exit "$BUILD_FAILURE_EXIT_CODE""#;
const CLEANUP: &str = r#"$ENGINE rm --force "$CUSTOM_ENV_CI_JOB_ID-job" "$CUSTOM_ENV_CI_JOB_ID-gitlab-helper"
$ENGINE volume rm "$CUSTOM_ENV_CI_JOB_ID""#;

fn runner(directory: &Path, engine: &str, protocol: Protocol) -> Runner {
    let program = |name: &str, text: &str| {
        let path = directory.join(name);
        fs::write(&path, format!("#!/bin/bash\nENGINE='{engine}'\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Exec::new(path)
    };
    let mut runner = Runner::new(program("run", RUN))
        .config(program("config", CONFIG))
        .prepare(program("prepare", PREPARE))
        .cleanup(program("cleanup", CLEANUP));
    runner.protocol = protocol;
    runner.shell = Shell::Bash;
    runner
}

async fn repository(directory: &Path) {
    let make = "git init -q app.git && cd app.git && echo hello >file && git add file &&
        git -c user.name=t -c user.email=t@t commit -q -m first && git branch -m main";
    let mut sh = Command::new("sh");
    sh.args(["-c", make]).current_dir(directory).env("HOME", directory);
    assert!(sh.status().await.unwrap().success());
}

/// Shows what an earlier job left in cache and artifacts, and leaves the same.
const SCRIPT: [&str; 3] = [
    "cat file \"$CA\"",
    "mkdir -p warm out; cat warm/it out/it 2>/dev/null || echo co''ld",
    "echo war''med >warm/it; echo bui''lt >out/it",
];

#[tokio::test]
async fn sources_caches_and_artifacts_go_from_job_to_job() {
    let options = SwarmOptions { managers: 1, workers: 0, lone_engines: 0, newest_engines: 0 };
    let swarm = Swarm::start(options).await.unwrap();
    swarm.load(&images::for_containers().await.unwrap()).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    repository(directory.path()).await;
    let here = swarm.runner_address();
    let server = git::Server::start_at(here, directory.path()).await.unwrap();
    let gitlab = Coordinator::start_at(here).await.unwrap();
    let engine = format!("docker --host unix://{}", swarm.manager().admin_socket().display());
    for protocol in [Protocol::V14_7, Protocol::V19] {
        let runner = runner(directory.path(), &engine, protocol);
        let job = |name| {
            Job::new(name)
                .sources(Sources::Clone { url: server.url("app.git") })
                .variable(Variable::file("CA", "a certificate\n"))
                .cache(protocol.version(), "warm")
                .artifact("out")
                .script(SCRIPT)
        };
        let first = gitlab.submit(&job("first"));
        let log = succeeded(&runner.play(first.spec(), &Cancel::default(), |_| {}).await);
        for said in ["hello\na certificate\n", "cold\n", "Created cache", "Uploading artifacts"] {
            assert!(log.contains(said), "{said:?} is not in:\n{log}");
        }
        let then = gitlab.submit(&job("then").dependency(first.dependency().unwrap()));
        let log = succeeded(&runner.play(then.spec(), &Cancel::default(), |_| {}).await);
        for said in ["hello\n", "Successfully extracted cache", "warmed\nbuilt\n"] {
            assert!(log.contains(said), "{said:?} is not in:\n{log}");
        }
    }
    swarm.stop().await.unwrap();
}

#[track_caller]
fn succeeded(outcome: &Outcome) -> String {
    let log = outcome.log_text();
    assert!(outcome.is_success(), "{log}");
    log
}

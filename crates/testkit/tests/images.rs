//! The images of jobs in containers, each on a real engine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use job::Result;
use play::Job;
use testkit::coordinator::{Coordinator, JobHandle};
use testkit::git;
use testkit::images::{self, FOREIGN, FROM_ENTRYPOINT, SERVICE_PORT};
use testkit::nodes::{Node, Swarm, SwarmHandle, SwarmOptions, docker_over_tls};
use testkit::proxy::Proxy;
use testkit::wait::{Seen, until};
use tokio::process::Command;

const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn every_image_of_a_job_does_what_its_name_says() {
    let options = SwarmOptions { managers: 1, workers: 0, lone_engines: 0, newest_engines: 0 };
    let swarm = Swarm::start(options).await.unwrap();
    swarm.load(&images::for_containers().await.unwrap()).await.unwrap();
    let node = swarm.manager();
    node.docker(&["network", "create", "jobs"]).await.unwrap();
    tokio::join!(
        shells_and_users(node),
        names_of_a_network(node),
        services(node),
        a_slow_service(node),
        git_over_http(&swarm),
        the_runner_of_the_helper(node),
        artifacts_at_the_played_gitlab(&swarm),
    );
    through_a_proxy(&swarm).await;
    swarm.stop().await.unwrap();
}

async fn run(node: &Node, arguments: &[&str]) -> Result<String> {
    node.docker(&[&["run", "--rm"], arguments].concat()).await
}

async fn shells_and_users(node: &Node) {
    let told = run(node, &["job:bash", "bash", "-c", "set -o pipefail; ls -d /tmp | cat"]).await;
    assert_eq!(told.unwrap(), "/tmp");
    let told = run(node, &["job:bash", "sh", "-c", "readlink -f $(command -v sh)"]).await;
    assert_eq!(told.unwrap(), "/usr/bin/dash");
    let told = run(node, &["job:nonroot", "bash", "-c", "id -u; id -un; touch ~/it; echo $HOME"]);
    assert_eq!(told.await.unwrap(), "1000\njob\n/home/job");
    let told = run(node, &["job:sh", "sh", "-c", "command -v bash || echo none"]).await;
    assert_eq!(told.unwrap(), "none");
    let (name, value) = FROM_ENTRYPOINT;
    let told = run(node, &["job:entrypoint", "sh", "-c", &format!("echo ${name}")]).await;
    assert_eq!(told.unwrap(), value);
    for shell in ["sh", "/bin/sh", "bash"] {
        let refused = run(node, &["job:noshell", shell, "-c", "true"]).await.unwrap_err();
        assert!(
            refused.render().contains("not found") || refused.render().contains("no such file")
        );
    }
    assert_eq!(run(node, &["job:noshell", "sleep", "0"]).await.unwrap(), "");
    let platform = format!("linux/{FOREIGN}");
    let refused = run(node, &["--platform", &platform, "job:foreign"]).await.unwrap_err().render();
    assert!(refused.contains("exec format error"), "{refused}");
}

/// Dynamic programs ask the engine's name server, as those of real images do.
async fn names_of_a_network(node: &Node) {
    let start = ["run", "--detach", "--network", "jobs", "--network-alias", "db", "service:deaf"];
    node.docker(&start).await.unwrap();
    for image in ["job:bash", "job:nonroot"] {
        let found =
            run(node, &["--network", "jobs", image, "getent", "hosts", "db"]).await.unwrap();
        assert!(found.ends_with(" db"), "{found}");
    }
}

async fn services(node: &Node) {
    let crash = run(node, &["service:crash"]).await.unwrap_err().render();
    assert!(crash.contains("exit status: 3") && crash.contains("giving up"), "{crash}");
    for (image, expected) in [("service:healthy", "healthy"), ("service:unhealthy", "unhealthy")] {
        let id = node.docker(&["run", "--detach", image]).await.unwrap();
        let inspect = ["inspect", "--format", "{{json .State.Health}}", &id];
        let health = until(expected, LIMIT, async || {
            let health = node.docker(&inspect).await.unwrap();
            let status = format!(r#""Status":"{expected}""#);
            if health.contains(&status) { Seen::Ready(health) } else { Seen::NotYet(health) }
        });
        let health = health.await.unwrap();
        assert_eq!(health.contains("the disk is on fire"), image == "service:unhealthy");
    }
}

/// It is asked from the first moment on, by the name that a job would use.
async fn a_slow_service(node: &Node) {
    let begun = Instant::now();
    let start = ["run", "--detach", "--network", "jobs", "--network-alias", "web", "service:slow"];
    node.docker(&start).await.unwrap();
    let ask = format!(
        "until exec 3<>/dev/tcp/web/{SERVICE_PORT}; do sleep 0.05; done 2>/dev/null\n\
         printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"
    );
    let bash = ["--network", "jobs", "job:bash", "timeout", "20", "bash", "-c", &ask];
    let answer = run(node, &bash).await.unwrap();
    assert!(answer.trim_end().ends_with("ready"), "{answer}");
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

/// From inside a container, over the engine's own bridge, all of it and a single commit.
async fn git_over_http(swarm: &SwarmHandle) {
    let directory = tempfile::tempdir().unwrap();
    let make = "git init -q app.git && cd app.git && for text in hello again; do
        echo $text >file && git add file &&
        git -c user.name=t -c user.email=t@t commit -q -m $text; done";
    let mut sh = Command::new("sh");
    sh.args(["-c", make]).current_dir(&directory).env("HOME", directory.path());
    assert!(sh.status().await.unwrap().success());
    let server = git::Server::start_at(swarm.runner_address(), directory.path()).await.unwrap();
    let url = server.url("app.git");
    for (arguments, commits) in [("", "2"), ("--depth 1", "1")] {
        let clone = format!(
            "git clone --quiet {arguments} {url} it && cat it/file && git -C it rev-list --count HEAD"
        );
        let told = run(swarm.manager(), &["gitlab-helper:test", "sh", "-c", &clone]).await;
        assert_eq!(told.unwrap(), format!("again\n{commits}"));
    }
    let missing = format!("git clone --quiet {} it", server.url("none.git"));
    let refused = run(swarm.manager(), &["gitlab-helper:test", "sh", "-c", &missing]).await;
    assert!(refused.unwrap_err().render().contains("none.git/' not found"));
}

/// One job's artifacts, from a container to the played GitLab and on to a container of the next job.
async fn artifacts_at_the_played_gitlab(swarm: &SwarmHandle) {
    let coordinator = Coordinator::start_at(swarm.runner_address()).await.unwrap();
    let call = |command: &str, job: &JobHandle, id: u64| {
        let (url, token) = (coordinator.url(), &job.spec().token);
        format!("gitlab-runner {command} --url {url} --token {token} --id {id}")
    };
    let helper = async |script: &str| {
        run(swarm.manager(), &["gitlab-helper:test", "sh", "-ec", script]).await
    };
    let first = coordinator.submit(&Job::new("build").artifact("out"));
    let upload = call("artifacts-uploader", &first, first.id());
    let upload = format!("cd /tmp; mkdir out; echo kept >out/it; {upload} --path out");
    helper(&upload).await.unwrap();
    let then = coordinator.submit(&Job::new("deploy").dependency(first.dependency().unwrap()));
    let download = call("artifacts-downloader", &then, first.id());
    assert_eq!(helper(&format!("cd /tmp; {download}; cat out/it")).await.unwrap(), "kept");
}

/// With a path that isn't there, as the scripts of a first job call it.
async fn the_runner_of_the_helper(node: &Node) {
    let told = run(node, &["gitlab-helper:test", "gitlab-runner", "--version"]).await.unwrap();
    assert!(told.contains("Version:"), "{told}");
    let cache = "cd /tmp && mkdir kept && echo warm >kept/it &&
        gitlab-runner cache-archiver --file /tmp/c/cache.zip --path kept --path missing &&
        rm -r kept && gitlab-runner cache-extractor --file /tmp/c/cache.zip && cat kept/it";
    let told = run(node, &["gitlab-helper:test", "sh", "-c", cache]).await.unwrap();
    assert!(told.ends_with("warm"), "{told}");
}

async fn through_a_proxy(swarm: &Swarm) {
    let proxy = Proxy::in_front_of(swarm.manager()).unwrap();
    let certificates = tempfile::tempdir().unwrap();
    swarm.client().unwrap().write_to(certificates.path()).unwrap();
    let ask = async || {
        let mut docker = docker_over_tls(&proxy.endpoint(), certificates.path());
        docker.args(["version", "--format", "{{.Server.Version}}"]).output().await.unwrap()
    };
    let output = ask().await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(proxy.traffic().round_trips >= 2, "{:?}", proxy.traffic());
    proxy.cut().await;
    assert!(!ask().await.status.success());
    proxy.restore().await.unwrap();
    assert!(ask().await.status.success());
}

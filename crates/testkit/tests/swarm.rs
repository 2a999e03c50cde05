//! The testkit's own promise: a real swarm within seconds, whole while it lasts, and nothing of it
//! afterwards, however its owner ends.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use testkit::images::{self, Archive, WHOAMI_PORT};
use testkit::nodes::{
    PlainHttp, Swarm, SwarmHandle, SwarmOptions, VARIABLE, docker_over_tls, fetch_newest_engine,
};
use testkit::wait::{Seen, until};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(30);

/// One manager and nothing else: enough for what needs no second node.
const SMALLEST: SwarmOptions =
    SwarmOptions { managers: 1, workers: 0, lone_engines: 0, newest_engines: 0 };

#[tokio::test]
async fn a_swarm_of_three_serves_over_mutual_tls_and_leaves_nothing() {
    let before = docker_on_the_machine();
    let swarm = Swarm::start(SwarmOptions::default()).await.unwrap();
    let list = ["node", "ls", "--format", "{{.Hostname}} {{.ManagerStatus}}"];
    let mut nodes: Vec<_> =
        swarm.manager().docker(&list).await.unwrap().lines().map(str::to_owned).collect();
    nodes.sort();
    assert_eq!(nodes, ["manager1 Leader", "worker1 ", "worker2 "]);

    let engine = over_tls(&swarm.manager().endpoint(), &swarm.client().unwrap()).await.unwrap();
    assert!(!engine.is_empty());
    let stranger = testkit::pki::Authority::new("stranger").unwrap().client("c").issue().unwrap();
    let refused =
        over_tls(&swarm.manager().endpoint(), &stranger.trusting(swarm.authority())).await;
    assert!(refused.unwrap_err().contains("bad certificate"));

    swarm.load(&Archive::pack(&images::whoami().await.unwrap()).unwrap()).await.unwrap();
    let manager = swarm.manager();
    manager.docker(&["network", "create", "--driver", "overlay", "flix"]).await.unwrap();
    let create = ["service", "create", "--detach", "--name", "hello", "--replicas", "2"];
    let on_flix = ["--network", "flix", "jwilder/whoami:latest"];
    manager.docker(&[&create[..], &on_flix].concat()).await.unwrap();
    let answers = answers(&swarm, "hello", 2).await;
    assert!(answers.iter().all(|answer| answer.starts_with("I'm ")), "{answers:?}");

    let seen = swarm.traces().join("\n");
    for program in ["(dockerd)", "(containerd)", "(containerd-shim", "(httpd)"] {
        assert!(seen.contains(program), "{program} is not among:\n{seen}");
    }
    let handle = SwarmHandle::attach(&swarm.description()).unwrap();
    swarm.stop().await.unwrap();
    nothing_is_left(&handle).await;
    assert_eq!(docker_on_the_machine(), before);
}

#[tokio::test]
async fn an_owner_that_is_killed_leaves_nothing() {
    let (mut owner, handle) = owner().await;
    assert_eq!(handle.nodes().len(), 4);
    owner.kill().await.unwrap();
    nothing_is_left(&handle).await;
}

#[tokio::test]
async fn what_a_killed_guardian_leaves_is_swept_by_the_next_start() {
    let (mut owner, handle) = owner().await;
    let state = handle.description().parent().unwrap().to_owned();
    let guardian = std::fs::read_to_string(state.join("guardian")).unwrap();
    let guardian = guardian.split(' ').next().unwrap();
    Command::new("kill").args(["-KILL", guardian]).status().await.unwrap();
    owner.kill().await.unwrap();
    let swarm = Swarm::start(SMALLEST).await.unwrap();
    nothing_is_left(&handle).await;
    swarm.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_node_comes_back_with_its_disk_and_a_cut_one_with_its_network() {
    let options = SwarmOptions { lone_engines: 1, ..SMALLEST };
    let swarm = Swarm::start(options).await.unwrap();
    let client = swarm.client().unwrap();
    let lone = swarm.lone_engines().next().unwrap();
    lone.docker(&["volume", "create", "kept"]).await.unwrap();

    lone.kill().await.unwrap();
    assert!(over_tls(&lone.endpoint(), &client).await.is_err());
    lone.restart().await.unwrap();
    assert_eq!(lone.docker(&["volume", "ls", "--quiet"]).await.unwrap(), "kept");

    lone.unplug().await.unwrap();
    let port = (lone.ip, 2376);
    assert!(timeout(Duration::from_millis(300), TcpStream::connect(port)).await.is_err());
    lone.plug_in().await.unwrap();
    over_tls(&lone.endpoint(), &client).await.unwrap();

    lone.present(&swarm.authority().server([lone.ip]).expired().issue().unwrap()).unwrap();
    lone.restart().await.unwrap();
    assert!(over_tls(&lone.endpoint(), &client).await.unwrap_err().contains("expired"));
    swarm.stop().await.unwrap();
}

#[tokio::test]
async fn decoys_refuse_stay_silent_or_speak_plain_http() {
    let swarm = Swarm::start(SMALLEST).await.unwrap();
    let manager = swarm.manager();
    let misnamed = over_tls(&manager.misnamed_endpoint(), &swarm.client().unwrap()).await;
    let complaint = format!("certificate is valid for {}, not ", manager.ip);
    assert!(misnamed.as_ref().unwrap_err().contains(&complaint), "{misnamed:?}");

    let refused = TcpStream::connect(authority(&swarm.refusing_endpoint())).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    let silent = swarm.silent_endpoint();
    let silent = timeout(Duration::from_secs(5), TcpStream::connect(authority(&silent)));
    assert!(silent.await.is_err());

    let plain = PlainHttp::listen().await.unwrap();
    let mut stream = TcpStream::connect(authority(&plain.endpoint())).await.unwrap();
    stream.write_all(b"\x16\x03\x01 a TLS handshake").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    swarm.stop().await.unwrap();
}

#[tokio::test]
async fn every_image_does_what_its_name_says() {
    let swarm = Swarm::start(SMALLEST).await.unwrap();
    swarm.load(&images::all().await.unwrap()).await.unwrap();
    let manager = swarm.manager();
    let run = ["run", "--rm", "docker:19.03.0-dind", "docker", "--version"];
    assert!(manager.docker(&run).await.unwrap().starts_with("Docker version"));
    let crashed = manager.docker(&["run", "--rm", "whoami:crash"]).await.unwrap_err();
    assert!(crashed.to_string().contains("exit status: 1"), "{}", crashed.render());

    for (name, image) in [("second", "jwilder/whoami:v2"), ("sick", "whoami:unhealthy")] {
        manager.docker(&["run", "--detach", "--name", name, image]).await.unwrap();
    }
    let localhost = format!("http://localhost:{WHOAMI_PORT}");
    let greeting = until("the second version to answer", LIMIT, async || {
        let wget = ["exec", "second", "wget", "--quiet", "-O", "-", &localhost];
        Seen::from_result(manager.docker(&wget).await)
    });
    assert!(greeting.await.unwrap().starts_with("I'm v2 "));
    until("the sick one to be unhealthy", LIMIT, async || {
        let health = ["inspect", "--format", "{{.State.Health.Status}}", "sick"];
        match manager.docker(&health).await.unwrap().as_str() {
            "unhealthy" => Seen::Ready(()),
            "healthy" => Seen::Never("it is healthy".into()),
            other => Seen::NotYet(other.into()),
        }
    })
    .await
    .unwrap();
    swarm.stop().await.unwrap();
}

#[tokio::test]
async fn the_newest_engine_of_debian_serves_beside_this_machines_own() {
    if let Err(failure) = fetch_newest_engine().await {
        println!("SKIPPED: {}", failure.render());
        return;
    }
    let swarm = Swarm::start(SwarmOptions { newest_engines: 1, ..SMALLEST }).await.unwrap();
    let newest = swarm.newest_engines().next().unwrap();
    let version = newest.engine_version().await.unwrap();
    assert_ne!(version, swarm.manager().engine_version().await.unwrap());
    assert_eq!(over_tls(&newest.endpoint(), &swarm.client().unwrap()).await.unwrap(), version);

    newest.load(&images::for_containers().await.unwrap()).await.unwrap();
    newest.docker(&["network", "create", "jobs"]).await.unwrap();
    let alias = ["run", "--detach", "--network", "jobs", "--network-alias", "db", "service:slow"];
    newest.docker(&alias).await.unwrap();
    let ask = ["run", "--rm", "--network", "jobs", "job:bash", "getent", "hosts", "db"];
    assert!(newest.docker(&ask).await.unwrap().ends_with(" db"));
    swarm.stop().await.unwrap();
}

#[tokio::test]
async fn a_watch_sees_every_container_and_which_of_them_are_privileged() {
    let swarm = Swarm::start(SMALLEST).await.unwrap();
    swarm.load(&images::for_containers().await.unwrap()).await.unwrap();
    let manager = swarm.manager();
    manager.docker(&["run", "--rm", "job:sh", "true"]).await.unwrap();
    let watch = manager.watch_containers().unwrap();
    let run = ["run", "--rm", "--label=which=one", "--name=plain", "job:sh", "true"];
    manager.docker(&run).await.unwrap();
    let create = ["create", "--privileged", "--label=which=one", "--name=mighty", "job:sh"];
    manager.docker(&create).await.unwrap();
    let mut containers = watch.containers().await.unwrap();
    containers.sort_by_key(|container| container.privileged);
    let told: Vec<_> = containers.iter().map(|it| (it.name.as_str(), it.privileged)).collect();
    assert_eq!(told, [("plain", false), ("mighty", true)]);
    assert!(containers.iter().all(|it| it.image == "job:sh" && it.labels["which"] == "one"));
    swarm.stop().await.unwrap();
}

/// Starts the program that owns a swarm, and attaches to what it has started.
async fn owner() -> (Child, SwarmHandle) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_testkit-swarm"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut owner = command.spawn().unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().expect("a running swarm");
    let description = line.strip_prefix(&format!("export {VARIABLE}=")).unwrap();
    (owner, SwarmHandle::attach(Path::new(description)).unwrap())
}

/// The engine's version as asked over mutual TLS, or what the docker CLI complains about.
async fn over_tls(endpoint: &str, client: &testkit::pki::Identity) -> Result<String, String> {
    let certificates = tempfile::tempdir().unwrap();
    client.write_to(certificates.path()).unwrap();
    let mut docker = docker_over_tls(endpoint, certificates.path());
    docker.args(["version", "--format", "{{.Server.Version}}"]);
    let output = timeout(LIMIT, docker.output()).await.unwrap().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

async fn answers(swarm: &SwarmHandle, service: &str, count: usize) -> Vec<String> {
    until("every replica to answer", LIMIT, async || {
        match Seen::from_result(swarm.ask(service, WHOAMI_PORT).await) {
            Seen::Ready(answers) if answers.len() != count => Seen::NotYet(format!("{answers:?}")),
            seen => seen,
        }
    })
    .await
    .unwrap()
}

async fn nothing_is_left(handle: &SwarmHandle) {
    until("nothing to be left", LIMIT, async || match handle.traces() {
        traces if traces.is_empty() => Seen::Ready(()),
        traces => Seen::NotYet(traces.join(", ")),
    })
    .await
    .unwrap();
}

/// Where an engine of the machine's own would be, as far as it is there.
fn docker_on_the_machine() -> Vec<PathBuf> {
    let places = [
        "/opt/containerd",
        "/etc/docker/key.json",
        "/run/containerd",
        "/run/docker",
        "/run/docker.sock",
        "/run/docker.pid",
        "/sys/class/net/docker0",
        "/sys/class/net/docker_gwbridge",
        "/var/lib/containerd",
        "/var/lib/docker",
    ];
    places.into_iter().map(PathBuf::from).filter(|place| place.exists()).collect()
}

fn authority(endpoint: &str) -> &str {
    endpoint.strip_prefix("tcp://").unwrap()
}

//! Raw streams into containers, and what engines say of themselves, on real engines: the one of
//! this machine and the newest, each over mutual TLS and at its unix socket.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::ErrorKind;
use std::time::{Duration, SystemTime};

use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig};
use bollard::query_parameters::CreateContainerOptions;
use docker::endpoint::Source;
use docker::{
    Cluster, ContainerStream, Credentials, Endpoint, Engine, EngineAddress, Identity, Limits,
};
use testkit::images::{self, Archive};
use testkit::nodes::{Node, Swarm, SwarmOptions, fetch_newest_engine};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// Far more than anything here takes.
const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_real_engine_is_known_and_lets_streams_into_its_containers() {
    let newest_engines = match fetch_newest_engine().await {
        Ok(()) => 1,
        Err(failure) => {
            println!("SKIPPED for the newest engine: {}", failure.render());
            0
        }
    };
    let options = SwarmOptions { managers: 1, workers: 0, lone_engines: 0, newest_engines };
    let swarm = Swarm::start(options).await.unwrap();
    swarm.load(&Archive::pack(&images::whoami().await.unwrap()).unwrap()).await.unwrap();
    let identity = identity(&swarm);
    for node in swarm.nodes() {
        let remote = engine(&node.endpoint(), Some(&identity));
        let local = engine(node.admin_socket().to_str().unwrap(), None);
        facts(node, &remote).await;
        tokio::join!(
            attach_then_start(node, &remote),
            attach_then_start(node, &local),
            an_exec(node, &remote),
            an_exec(node, &local),
            much_at_once(node, &remote),
            much_at_once(node, &local),
            what_is_gone(node, &remote),
            an_end(node, &local),
        );
    }
    one_answer_tells_engine_and_swarm(swarm.manager(), identity).await;
    swarm.stop().await.unwrap();
}

fn source() -> Source {
    Source::Setting("the test".into())
}

fn identity(swarm: &Swarm) -> Identity {
    let directory = tempfile::tempdir().unwrap();
    swarm.client().unwrap().write_to(directory.path()).unwrap();
    let credentials = Credentials::from_directory(directory.path()).unwrap();
    Identity::check(&credentials, SystemTime::now(), Duration::ZERO).unwrap().identity
}

fn engine(address: &str, identity: Option<&Identity>) -> Engine {
    match EngineAddress::parse(address, source()).unwrap() {
        EngineAddress::Remote(endpoint) => {
            Engine::remote(endpoint, identity.unwrap().clone(), Limits::default())
        }
        EngineAddress::Local(socket) => Engine::local(socket, Limits::default()),
    }
}

/// A container that is made as an agent's is, and not yet started. With its `--interactive` the
/// docker CLI would set `StdinOnce`.
async fn created(engine: &Engine, script: &str) -> String {
    let body = ContainerCreateBody {
        image: Some("jwilder/whoami:latest".into()),
        cmd: Some(["sh", "-c", script].map(str::to_owned).to_vec()),
        open_stdin: Some(true),
        host_config: Some(HostConfig {
            log_config: Some(HostConfigLogConfig { typ: Some("none".into()), config: None }),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let docker = engine.docker().unwrap();
    docker.create_container(None::<CreateContainerOptions>, body).await.unwrap().id
}

async fn running(node: &Node, engine: &Engine, script: &str) -> String {
    let container = created(engine, script).await;
    node.docker(&["start", &container]).await.unwrap();
    container
}

async fn echo(stream: &mut ContainerStream, text: &[u8]) {
    stream.write_all(text).await.unwrap();
    let mut answer = vec![0; text.len()];
    timeout(LIMIT, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer, text);
}

async fn rest(stream: &mut ContainerStream) -> String {
    let mut rest = String::new();
    timeout(LIMIT, stream.read_to_string(&mut rest)).await.unwrap().unwrap();
    rest
}

async fn facts(node: &Node, engine: &Engine) {
    let facts = engine.check().await.unwrap();
    assert_eq!((&facts.name, facts.os.as_str()), (&node.name, "linux"));
    assert_eq!(facts.engine_version, node.engine_version().await.unwrap());
    assert_eq!(facts.architecture, std::env::consts::ARCH);
    assert_eq!(facts.is_manager, node.name == "manager1");
}

async fn one_answer_tells_engine_and_swarm(node: &Node, identity: Identity) {
    let endpoint = Endpoint::parse(&node.endpoint(), source()).unwrap();
    let cluster = Cluster::new(endpoint, identity, Limits::default());
    let facts = cluster.check().await.unwrap();
    assert_eq!(facts.engine, cluster.engine().check().await.unwrap());
    assert_eq!((facts.managers, facts.workers), (1, 0));
}

/// Also: what the process says on stderr stays out of the way, a shutdown detaches, and a second
/// attach finds the same process.
async fn attach_then_start(node: &Node, engine: &Engine) {
    let container = created(engine, "echo aside >&2; cat; echo ended").await;
    let mut stream = engine.attach(&container).await.unwrap();
    node.docker(&["start", &container]).await.unwrap();
    echo(&mut stream, b"first").await;
    stream.shutdown().await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
    let mut stream = engine.attach(&container).await.unwrap();
    echo(&mut stream, b"second").await;
    node.docker(&["rm", "--force", &container]).await.unwrap();
}

async fn an_exec(node: &Node, engine: &Engine) {
    let container = running(node, engine, "cat").await;
    let argv = ["sh", "-c", "echo aside >&2; cat; echo ended"];
    let mut stream = engine.exec(&container, &argv).await.unwrap();
    echo(&mut stream, b"echo").await;
    stream.shutdown().await.unwrap();
    assert_eq!(rest(&mut stream).await, "ended\n");
    node.docker(&["rm", "--force", &container]).await.unwrap();
}

/// More than any buffer on the way holds.
async fn much_at_once(node: &Node, engine: &Engine) {
    const MUCH: u32 = 8 << 20;
    let container = running(node, engine, "cat").await;
    let stream = engine.attach(&container).await.unwrap();
    let bytes: Vec<u8> = (0..MUCH).map(|at| (at % 251) as u8).collect();
    let mut answer = vec![0; bytes.len()];
    let (mut from, mut to) = tokio::io::split(stream);
    let (written, read) = tokio::join!(to.write_all(&bytes), from.read_exact(&mut answer));
    written.and(read).unwrap();
    assert!(answer == bytes, "the bytes arrived in another order");
    node.docker(&["rm", "--force", &container]).await.unwrap();
}

async fn what_is_gone(node: &Node, engine: &Engine) {
    let container = running(node, engine, "cat").await;
    node.docker(&["pause", &container]).await.unwrap();
    for refused in [
        engine.attach(&container).await.unwrap_err(),
        engine.exec(&container, &["true"]).await.unwrap_err(),
    ] {
        assert_eq!(refused.kind(), ErrorKind::Other, "{refused}");
        assert!(refused.to_string().contains("is paused"), "{refused}");
    }
    node.docker(&["unpause", &container]).await.unwrap();
    node.docker(&["kill", &container]).await.unwrap();
    let refused = engine.exec(&container, &["true"]).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotFound, "{refused}");
    let mut silent = engine.attach(&container).await.unwrap();
    let read = timeout(LIMIT, silent.read(&mut [0])).await.unwrap().unwrap_err();
    assert_eq!((read.kind(), read.to_string().as_str()), (ErrorKind::NotFound, "it is exited"));
    node.docker(&["rm", &container]).await.unwrap();
    for refused in [
        engine.attach(&container).await.unwrap_err(),
        engine.exec(&container, &["true"]).await.unwrap_err(),
    ] {
        assert_eq!(refused.kind(), ErrorKind::NotFound, "{refused}");
    }
}

async fn an_end(node: &Node, engine: &Engine) {
    let container = running(node, engine, "cat").await;
    let mut stream = engine.attach(&container).await.unwrap();
    echo(&mut stream, b"alive").await;
    node.docker(&["kill", &container]).await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
    node.docker(&["rm", &container]).await.unwrap();
}

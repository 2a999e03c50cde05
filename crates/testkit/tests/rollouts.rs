//! What rollouts are tested with: web servers that misbehave on request, a proxy in front of them, and
//! managers that lose their leader.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use testkit::images;
use testkit::nodes::{Node, Swarm, SwarmOptions};
use testkit::wait::{Seen, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LIMIT: Duration = Duration::from_mins(1);

const ALONE: SwarmOptions =
    SwarmOptions { managers: 1, workers: 0, lone_engines: 0, newest_engines: 0 };

#[tokio::test]
async fn web_servers_behave_and_misbehave_as_their_environment_says() {
    let swarm = Swarm::start(ALONE).await.unwrap();
    swarm.load(&images::for_rollouts().await.unwrap()).await.unwrap();
    let node = swarm.manager();
    let run = async |name: &str, options: &[&str], image: &str| {
        let run = ["run", "--detach", "--name", name];
        node.docker(&[&run[..], options, &[image]].concat()).await.unwrap();
    };
    run("good", &[], "web:v1").await;
    run("broken", &["--env", "BROKEN=the disk is on fire"], "web:v2").await;
    run("crashing", &["--env", "CRASH_AFTER=0", "--env", "EXIT=3"], "web:bare-v1").await;
    run("slow", &["--env", "LISTEN_AFTER=600"], "web:bare-v2").await;

    state(node, "good", "{{.State.Health.Status}}", "healthy").await;
    let answer = ["exec", "good", "wget", "--quiet", "-O", "-", "http://localhost:8000"];
    assert!(node.docker(&answer).await.unwrap().starts_with("v1 "));
    state(node, "broken", "{{.State.Health.Status}}", "unhealthy").await;
    let log = "{{(index .State.Health.Log 0).Output}}";
    state(node, "broken", log, "the disk is on fire\n").await;
    state(node, "crashing", "{{.State.Status}} {{.State.ExitCode}}", "exited 3").await;
    let said = docker_logs(node, "crashing").await;
    assert_eq!(said, "version bare-v1 is starting\nlistening on port 8000");
    assert_eq!(docker_logs(node, "slow").await, "version bare-v2 is starting");

    node.docker(&["stop", "good", "slow"]).await.unwrap();
    state(node, "good", "{{.State.ExitCode}}", "0").await;
    state(node, "slow", "{{.State.ExitCode}}", "0").await;
    swarm.stop().await.unwrap();
}

#[tokio::test]
async fn a_front_forwards_to_each_task_and_to_none_that_is_not_there() {
    let swarm = Swarm::start(ALONE).await.unwrap();
    swarm.load(&images::for_rollouts().await.unwrap()).await.unwrap();
    let manager = swarm.manager();
    manager.docker(&["network", "create", "--driver", "overlay", "flix"]).await.unwrap();
    let front = swarm.front("hello", "flix").await.unwrap();
    assert!(ask(&front).await.unwrap().starts_with("HTTP/1.1 503 "));

    let create = ["service", "create", "--detach", "--quiet", "--no-resolve-image"];
    let options = ["--name", "hello", "--replicas", "2", "--network", "flix", "web:v1"];
    manager.docker(&[&create[..], &options].concat()).await.unwrap();
    let hosts = RefCell::new(BTreeSet::new());
    until("answers of both tasks", LIMIT, async || {
        let answer = ask(&front).await.unwrap();
        if let Some((_, body)) = answer.split_once("\r\n\r\n").filter(|(_, b)| b.starts_with("v1 "))
        {
            hosts.borrow_mut().insert(body.to_owned());
        }
        if hosts.borrow().len() == 2 { Seen::Ready(()) } else { Seen::NotYet(answer) }
    })
    .await
    .unwrap();
    front.remove().await.unwrap();
    swarm.stop().await.unwrap();
}

#[tokio::test]
async fn three_managers_choose_another_leader_when_theirs_is_killed() {
    let options = SwarmOptions { managers: 3, ..ALONE };
    let swarm = Swarm::start(options).await.unwrap();
    let first = swarm.leader().await.unwrap().clone();
    first.kill().await.unwrap();
    let second = swarm.leader().await.unwrap();
    assert_ne!(second.name, first.name);
    let create = ["service", "create", "--detach", "--quiet", "--no-resolve-image"];
    second.docker(&[&create[..], &["--name", "after", "web:v1"]].concat()).await.unwrap();
    first.restart().await.unwrap();
    assert_eq!(swarm.leader().await.unwrap().name, second.name);
    swarm.stop().await.unwrap();
}

/// Waits until the container is as expected.
async fn state(node: &Node, name: &str, format: &str, expected: &str) {
    until(&format!("{name} to be {expected}"), LIMIT, async || {
        match node.docker(&["inspect", "--format", format, name]).await {
            Ok(state) if state.trim_end() == expected.trim_end() => Seen::Ready(()),
            Ok(state) => Seen::NotYet(state),
            Err(failure) => Seen::NotYet(failure.render()),
        }
    })
    .await
    .unwrap();
}

/// What the container wrote to its stdout.
async fn docker_logs(node: &Node, name: &str) -> String {
    node.docker(&["logs", name]).await.unwrap()
}

async fn ask(front: &testkit::nodes::Front) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(front.address()).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: hello\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

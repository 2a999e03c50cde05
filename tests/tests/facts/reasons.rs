//! In which words the swarm says what is wrong.

use job::{Failure, Result};
use serde_json::Value;
use tempfile::TempDir;
use testkit::nodes::{Node, SwarmHandle, docker_over_tls};

use super::service::{Look, Service};

pub(crate) async fn no_suitable_node_names_what_excluded_the_nodes(node: &Node) -> Result<()> {
    let nodes = node.get("/nodes").await?.body.as_array().map_or(0, Vec::len);
    let more = (nodes + 1).to_string();
    let port = "mode=host,published=18099,target=8000";
    let cases = [
        (
            &["--constraint", "node.platform.os==plan9", "web:v1"][..],
            "scheduling constraints not satisfied on ",
        ),
        (&["--reserve-memory", "900GB", "web:v1"], "insufficient resources on "),
        (
            &["--replicas", &more, "--replicas-max-per-node", "1", "web:v1"],
            "max replicas per node limit exceed",
        ),
        (&["--replicas", &more, "--publish", port, "web:v1"], "host-mode port already in use on "),
    ];
    for (arguments, words) in cases {
        let service = Service::create(node, arguments).await?;
        let reason = format!("no suitable node ({words}");
        let is_told = |error: &&str| error.starts_with(&reason);
        let look = service.until(words, |look| look.errors().iter().any(&is_told)).await?;
        let pending = look.tasks.iter().find(|task| task["Status"]["Err"].is_string());
        let pending = pending.cloned().unwrap_or_default();
        assert_eq!(pending["Status"]["State"], "pending", "{look:?}");
        assert_eq!(pending["Status"]["Message"], "pending task scheduling", "{look:?}");
        assert_eq!(pending["NodeID"], Value::Null, "{look:?}");
    }
    Ok(())
}

pub(crate) async fn a_global_service_that_fits_no_node_has_no_tasks_at_all(
    node: &Node,
) -> Result<()> {
    let nowhere = ["--mode", "global", "--constraint", "node.platform.os==plan9", "web:v1"];
    let service = Service::create(node, &nowhere).await?;
    // Once another one has its tasks, this one would have had its own.
    let other = Service::create(node, &["--mode", "global", "web:v1"]).await?;
    other.until("a running task", |look| look.running() > 0).await?;
    let look = service.look().await?;
    assert_eq!(look.tasks, Vec::<Value>::new());
    assert!(look.service["UpdateStatus"].is_null(), "{look:?}");
    Ok(())
}

pub(crate) async fn an_image_that_is_nowhere_is_rejected_by_its_name(node: &Node) -> Result<()> {
    let service = Service::create(node, &["registry.invalid/no/such:1"]).await?;
    let look = service.until("a rejected task", |look| look.count("rejected") > 0).await?;
    let rejected = with_state(&look, "rejected");
    assert_eq!(rejected["DesiredState"], "shutdown");
    let error = rejected["Status"]["Err"].as_str().unwrap_or_default();
    assert!(error.starts_with("No such image: registry.invalid/no/such:1"), "{error}");
    Ok(())
}

pub(crate) async fn an_unhealthy_task_fails_while_starting_and_its_container_tells_why(
    node: &Node,
) -> Result<()> {
    let broken = ["--env", "BROKEN=the disk is on fire", "--env", "DEAF=1"];
    let place = ["--stop-grace-period", "1s", "--constraint"];
    let here = format!("node.hostname=={}", node.name);
    let arguments = [&broken[..], &place, &[&here, "web:v1"]].concat();
    let service = Service::create(node, &arguments).await?;
    let look = service.until("a failed task", |look| look.count("failed") > 0).await?;
    let failed = with_state(&look, "failed");
    let status = &failed["Status"];
    assert_eq!(status["Err"], "task: non-zero exit (137): dockerexec: unhealthy container");
    assert_eq!(status["Message"], "starting", "it never ran: {failed}");
    assert_eq!(status["ContainerStatus"]["ExitCode"], 137);
    let container = status["ContainerStatus"]["ContainerID"].as_str().unwrap_or_default();
    let inspected = node.get(&format!("/containers/{container}/json")).await?.body;
    let health = &inspected["State"]["Health"];
    assert_eq!(health["Status"], "unhealthy");
    let log = health["Log"].as_array().cloned().unwrap_or_default();
    let told = |entry: &Value| entry["Output"] == "the disk is on fire\n" && entry["ExitCode"] == 1;
    assert!(log.iter().any(told), "{health}");
    Ok(())
}

/// It was asked to end, did so with exit code 0, and that is all that its task says.
pub(crate) async fn an_unhealthy_task_that_ends_well_is_complete_and_says_nothing(
    node: &Node,
) -> Result<()> {
    let service = Service::create(node, &["--env", "BROKEN=yes", "web:v1"]).await?;
    let look = service.until("a complete task", |look| look.count("complete") > 0).await?;
    let complete = with_state(&look, "complete");
    assert_eq!(complete["DesiredState"], "shutdown");
    assert_eq!(complete["Status"]["Message"], "finished");
    assert!(complete["Status"]["Err"].is_null(), "{complete}");
    service.until("a successor", |look| look.tasks.len() > 1).await?;
    Ok(())
}

pub(crate) async fn one_client_certificate_opens_the_engine_of_every_node(
    swarm: &SwarmHandle,
) -> Result<()> {
    let certificates = TempDir::with_prefix("client-")
        .map_err(|error| Failure::system("there is no room").caused_by(error))?;
    swarm.client()?.write_to(certificates.path())?;
    for node in swarm.nodes() {
        let mut docker = docker_over_tls(&node.endpoint(), certificates.path());
        docker.args(["info", "--format", "{{.Name}}"]);
        let output = docker.output().await;
        let output = output
            .map_err(|error| Failure::system("cannot start the docker CLI").caused_by(error))?;
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), node.name, "{output:?}");
    }
    Ok(())
}

fn with_state(look: &Look, state: &str) -> Value {
    let found = look.tasks.iter().find(|task| task["Status"]["State"] == state);
    found.cloned().unwrap_or_default()
}

use http::Response;
use job::Blame;
use rustls::version::TLS13;

use super::*;
use crate::mint::{Authority, endpoint, identity};
use crate::transport::tests::server::{Server, config};
use crate::transport::{Body, full};

/// A cluster that answers every path in the same way.
async fn answering(status: u16, body: &'static str) -> (Cluster, Server) {
    let ca = Authority::new("ca");
    let config = config(&ca.server(&["127.0.0.1"]), &ca, &[&TLS13]);
    let server = Server::http(config, move |request| async move {
        let body: Body = full(body.replace("PATH", request.uri().path()));
        Response::builder().status(status).header("Api-Version", "1.41").body(body).unwrap()
    })
    .await;
    let endpoint = endpoint(&server.address.to_string());
    (Cluster::new(endpoint, identity(&ca, &ca.client()), Limits::default()), server)
}

fn judge(info: &str) -> Result<ClusterFacts> {
    let info = Info::parse(info.as_bytes()).unwrap();
    info.judge(ApiVersion::parse("1.41"), &endpoint("tcp://manager:2376"))
}

#[test]
fn a_manager_is_known_by_its_facts() {
    let facts = judge(
        r#"{"Name": "node-1", "ServerVersion": "20.10.24", "Plugins": {"Log": ["none"]}, "Swarm": {
            "NodeID": "n", "LocalNodeState": "active", "ControlAvailable": true, "Error": "",
            "RemoteManagers": [{"NodeID": "n", "Addr": "10.0.0.1:2377"}],
            "Nodes": 3, "Managers": 1, "Cluster": {"ID": "swarm-id", "Spec": {}}}}"#,
    );
    let expected = ClusterFacts {
        engine_version: "20.10.24".into(),
        api_version: ApiVersion::parse("1.41"),
        swarm_id: "swarm-id".into(),
        node_name: "node-1".into(),
        managers: 1,
        workers: 2,
    };
    assert_eq!(facts.unwrap(), expected);
}

#[test]
fn a_worker_names_the_managers_that_it_knows() {
    let failure = judge(
        r#"{"ServerVersion": "1", "Swarm": {"LocalNodeState": "active", "ControlAvailable": false,
            "RemoteManagers": [{"Addr": "10.0.0.1:2377"}, {"Addr": "[2001:db8::1]:2377"}]}}"#,
    )
    .unwrap_err();
    assert_eq!(failure.blame(), Blame::Job);
    assert_eq!(
        failure.render(),
        "tcp://manager:2376 is a worker of its swarm, and only managers take orders\n  hint: name a \
         manager in the variable DOCKER_SWARM_MASTER; it knows 10.0.0.1, [2001:db8::1]"
    );
}

#[test]
fn an_engine_without_a_swarm_is_told_how_to_become_one() {
    for swarm in [r#""Swarm": {"LocalNodeState": "inactive", "RemoteManagers": null}, "#, ""] {
        let failure = judge(&format!(r#"{{{swarm}"ServerVersion": "1"}}"#)).unwrap_err();
        assert!(failure.render().contains("docker swarm init"), "{}", failure.render());
    }
}

#[test]
fn a_swarm_that_is_unwell_is_the_systems() {
    for (swarm, words) in [
        (r#"{"LocalNodeState": "locked"}"#, "docker swarm unlock"),
        (r#"{"LocalNodeState": "error", "Error": "cannot join"}"#, "is error: cannot join"),
        (
            r#"{"LocalNodeState": "active", "ControlAvailable": true, "Error": "no leader"}"#,
            "is without a leader: no leader",
        ),
    ] {
        let failure = judge(&format!(r#"{{"ServerVersion": "1", "Swarm": {swarm}}}"#)).unwrap_err();
        assert_eq!(failure.blame(), Blame::System);
        assert!(failure.render().contains(words), "{}", failure.render());
    }
}

#[test]
fn the_version_goes_in_front_of_the_path() {
    let mut uri = "https://manager:2376/containers/json?all=true".parse().unwrap();
    ApiVersion::parse("1.41").unwrap().put_into(&mut uri);
    assert_eq!(uri, "https://manager:2376/v1.41/containers/json?all=true");
}

#[test]
fn versions_are_compared_as_numbers() {
    assert!(ApiVersion::parse("1.9") < ApiVersion::parse("1.41"));
    assert_eq!(ApiVersion::parse("1"), None);
    assert_eq!(ApiVersion::parse("1.x"), None);
}

const MANAGER: &str = r#"{"ServerVersion": "PATH", "Version": "PATH", "Swarm": {
    "LocalNodeState": "active", "ControlAvailable": true, "Nodes": 1, "Managers": 1,
    "Cluster": {"ID": "swarm-id"}}}"#;

#[tokio::test]
async fn the_check_is_one_request_and_settles_the_version_that_bollard_asks_for() {
    let (cluster, server) = answering(200, MANAGER).await;
    let docker = cluster.docker().unwrap();
    let before = docker.version().await.unwrap().version;
    assert_eq!(before.as_deref(), Some("/version"));
    let facts = cluster.check().await.unwrap();
    assert_eq!((facts.engine_version.as_str(), facts.workers), ("/info", 0));
    let after = docker.version().await.unwrap().version;
    assert_eq!(after.as_deref(), Some("/v1.41/version"));
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn an_engine_that_refuses_to_say_is_quoted() {
    let (cluster, _server) =
        answering(403, r#"{"message": "authorization denied by plugin"}"#).await;
    let told = cluster.check().await.unwrap_err().render();
    let (words, hint) = told.split_once("\n  hint: ").unwrap();
    assert!(
        words.ends_with("answers 403 Forbidden to GET /info: authorization denied by plugin"),
        "{told}"
    );
    assert!(hint.contains("authorization plugin"), "{told}");
}

#[tokio::test]
async fn what_is_no_engine_is_told() {
    let (cluster, _server) = answering(200, "<html>").await;
    let told = cluster.check().await.unwrap_err().render();
    assert!(told.contains("answers, but not as a Docker Engine does: "), "{told}");
    assert!(told.contains("hint: point the variable DOCKER_SWARM_MASTER at "), "{told}");
}

#[tokio::test]
async fn the_check_ends_in_time_even_when_the_answer_does_not() {
    let ca = Authority::new("ca");
    let config = config(&ca.server(&["127.0.0.1"]), &ca, &[&TLS13]);
    let server = Server::http(config, |_| std::future::pending()).await;
    let check = Duration::from_millis(50);
    let limits = Limits { check, ..Limits::default() };
    let endpoint = endpoint(&server.address.to_string());
    let failure =
        Cluster::new(endpoint, identity(&ca, &ca.client()), limits).check().await.unwrap_err();
    assert_eq!(failure.blame(), Blame::System);
    assert!(failure.to_string().ends_with("gave no complete answer within 50ms"), "{failure}");
}

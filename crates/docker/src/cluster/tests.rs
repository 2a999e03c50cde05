use job::Blame;

use super::*;
use crate::mint::endpoint;

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

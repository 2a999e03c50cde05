use job::{Blame, Failure};

use super::*;
use crate::engine::ApiVersion;
use crate::mint::endpoint;

fn manager() -> EngineFacts {
    EngineFacts {
        name: "node-1".into(),
        engine_version: "20.10.24".into(),
        api_version: ApiVersion::parse("1.41"),
        os: "linux".into(),
        architecture: "x86_64".into(),
        is_manager: true,
    }
}

fn judge(swarm: &str) -> Result<ClusterFacts, Failure> {
    let swarm: Swarm = serde_json::from_str(swarm).unwrap();
    swarm.judge(manager(), &endpoint("tcp://manager:2376"))
}

#[test]
fn a_manager_is_known_by_its_facts() {
    let facts = judge(
        r#"{"NodeID": "n", "LocalNodeState": "active", "ControlAvailable": true, "Error": "",
            "RemoteManagers": [{"NodeID": "n", "Addr": "10.0.0.1:2377"}],
            "Nodes": 3, "Managers": 1, "Cluster": {"ID": "swarm-id", "Spec": {}}}"#,
    );
    let expected =
        ClusterFacts { engine: manager(), swarm_id: "swarm-id".into(), managers: 1, workers: 2 };
    assert_eq!(facts.unwrap(), expected);
}

#[test]
fn a_worker_names_the_managers_that_it_knows() {
    let failure = judge(
        r#"{"LocalNodeState": "active", "ControlAvailable": false,
            "RemoteManagers": [{"Addr": "10.0.0.1:2377"}, {"Addr": "[2001:db8::1]:2377"}]}"#,
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
    for swarm in [r#"{"LocalNodeState": "inactive", "RemoteManagers": null}"#, "{}"] {
        let failure = judge(swarm).unwrap_err();
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
        let failure = judge(swarm).unwrap_err();
        assert_eq!(failure.blame(), Blame::System);
        assert!(failure.render().contains(words), "{}", failure.render());
    }
}

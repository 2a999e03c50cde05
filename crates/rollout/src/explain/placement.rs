//! Why no node takes a task: which nodes each of its constraints excludes. Pure.

use crate::placement::is_met;
use crate::snapshot::{Node, Spec};

/// A line for each constraint that excludes every node that takes tasks, else for each that excludes
/// some; and one for what else keeps nodes from taking any.
pub(super) fn excluded(spec: &Spec, nodes: &[Node]) -> Vec<String> {
    let mut lines = Vec::new();
    let eligible: Vec<_> = nodes.iter().filter(|node| node.is_eligible()).collect();
    let others: Vec<_> = nodes.iter().filter(|node| !node.is_eligible()).collect();
    if !others.is_empty() {
        let names = names(&others);
        lines.push(format!("these nodes are down, drained or paused: {names}"));
    }
    let unmet: Vec<_> = spec
        .constraints
        .iter()
        .map(|constraint| {
            let without = eligible.iter().filter(|node| !is_met(constraint, node));
            (constraint, without.copied().collect::<Vec<_>>())
        })
        .filter(|(_, without)| !without.is_empty())
        .collect();
    let by_all = unmet.iter().any(|(_, without)| without.len() == eligible.len());
    for (text, without) in unmet {
        if without.len() == eligible.len() {
            lines.push(format!("the constraint `{text}` excludes every node that takes tasks"));
        } else if !by_all {
            lines.push(format!("the constraint `{text}` excludes {}", names(&without)));
        }
    }
    if let Some(most) = spec.max_replicas_per_node {
        lines.push(format!("`max_replicas_per_node: {most}` allows no more tasks on a node"));
    }
    lines
}

fn names(nodes: &[&Node]) -> String {
    nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::snapshot::{Availability, Platform};

    fn node(name: &str, zone: &str) -> Node {
        Node {
            id: format!("id-{name}"),
            name: name.into(),
            ready: true,
            availability: Availability::Active,
            manager: name == "manager1",
            address: None,
            platform: Platform { os: "linux".into(), architecture: "x86_64".into() },
            labels: BTreeMap::from([("zone".into(), zone.into())]),
            engine_labels: BTreeMap::new(),
        }
    }

    fn excluding(constraints: &[&str]) -> Vec<String> {
        let nodes = [node("manager1", "a"), node("worker1", "a"), node("worker2", "b")];
        let whole = serde_json::json!({
            "Name": "web",
            "TaskTemplate": {
                "ContainerSpec": { "Image": "web" },
                "Placement": { "Constraints": constraints },
            },
        });
        excluded(&Spec::read(whole).unwrap(), &nodes)
    }

    #[test]
    fn a_constraint_that_excludes_all_is_named_alone() {
        let lines = excluding(&["node.role == worker", "node.labels.zone == c"]);
        assert_eq!(
            lines,
            ["the constraint `node.labels.zone == c` excludes every node that takes tasks"]
        );
    }

    #[test]
    fn constraints_that_exclude_all_together_are_named_with_their_nodes() {
        let lines = excluding(&["node.role==manager", "node.labels.zone!=a"]);
        assert_eq!(
            lines,
            [
                "the constraint `node.role==manager` excludes worker1, worker2",
                "the constraint `node.labels.zone!=a` excludes manager1, worker1",
            ]
        );
    }

    #[test]
    fn what_no_node_lacks_is_not_named() {
        assert!(excluding(&["node.platform.arch == x86_64", "node.hostname != other"]).is_empty());
    }

    #[test]
    fn nodes_that_take_no_tasks_are_named() {
        let mut down = node("worker1", "a");
        down.ready = false;
        let spec = Spec::read(serde_json::json!({ "Name": "web" })).unwrap();
        assert_eq!(excluded(&spec, &[down]), ["these nodes are down, drained or paused: worker1"]);
    }
}

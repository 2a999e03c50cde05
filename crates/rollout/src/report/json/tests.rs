use serde_json::{Value, json};

use super::*;
use crate::report::sample;

fn value(record: &Record) -> Value {
    serde_json::from_str(&json(record)).unwrap()
}

#[test]
fn the_form_is_the_one_that_docs_describe() {
    let value = value(&sample::failed());
    assert_eq!(value["version"], 1);
    assert_eq!(value["began"], "2025-10-09T08:53:20Z");
    assert_eq!(value["took_seconds"], 30.0);
    assert_eq!(value["job"]["id"], 4711);
    let hello = &value["services"][0];
    assert_eq!(
        hello["verdict"],
        json!({
            "outcome": "failed",
            "reason": "rolled_back",
            "sentence": "The swarm took the update of whoami_hello back, the previous version runs \
                         again: update rolled back due to failure or early termination of task \
                         t-new-1.",
            "message": "update rolled back due to failure or early termination of task t-new-1",
            "took_seconds": 24.5,
        })
    );
    assert_eq!(hello["deed"], "updated");
    assert_eq!(
        hello["after"],
        json!({"image": "registry.example.com/whoami:2", "replicas": 3, "mode": "replicated"})
    );
    assert_eq!(hello["failures"][0]["node"], "worker1");
    assert_eq!(hello["failures"][0]["log"][0], "starting");
    assert_eq!(hello["failures"][1]["task"], "t-new-2");
    assert_eq!(hello["failures"][1]["log"], json!([]));
    assert_eq!(hello["tasks"][1]["states"][3], json!({"at_seconds": 4.0, "state": "starting"}));
    assert_eq!(value["services"][2]["verdict"]["outcome"], "superseded");
    assert_eq!(value["advice"][0]["rule"], "healthcheck");
    assert_eq!(value["probe"]["fresh"], json!({"sent": 300, "failed": 4}));
    assert_eq!(value["probe"]["outages"][0]["from_seconds"], 2.6);
}

#[test]
fn a_rollout_without_a_verdict_has_none() {
    let mut record = sample::failed();
    record.rollouts[0].verdict = None;
    assert_eq!(value(&record)["services"][0]["verdict"], Value::Null);
}

/// A reason is called here as `Reason` itself is when it is serialized.
#[test]
fn reasons_are_called_as_in_the_record() {
    for rollout in sample::failed().rollouts {
        let reason = rollout.verdict.unwrap().reason;
        assert_eq!(serde_json::to_value(&reason).unwrap()["kind"], kind(&reason));
    }
}

#[test]
fn every_field_is_in_the_docs() {
    let docs = include_str!("../../../../../docs/rollouts.md");
    let mut missing = Vec::new();
    names(&value(&sample::failed()), &mut |name| {
        if !docs.contains(&format!("`{name}`")) {
            missing.push(name.to_owned());
        }
    });
    assert!(missing.is_empty(), "{missing:?}");
}

fn names(value: &Value, visit: &mut dyn FnMut(&str)) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            visit(name);
            names(value, visit);
        }),
        Value::Array(items) => items.iter().for_each(|item| names(item, visit)),
        _ => {}
    }
}

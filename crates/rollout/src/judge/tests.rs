//! Stories, row by row, and properties against a model of the orchestrator.

mod model;
mod properties;
mod stories;
mod story;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use time::OffsetDateTime;

use crate::snapshot::{
    Availability, FailureAction, Mode, Node, Order, Platform, Spec, UpdateConfig,
};

/// A replicated service of this many tasks of `image:IMAGE`.
fn spec(image: u64, replicas: u64) -> Spec {
    Spec {
        name: "shop_web".into(),
        labels: BTreeMap::new(),
        stack: Some("shop".into()),
        mode: Mode::Replicated { replicas },
        image: format!("web:{image}"),
        container_labels: BTreeMap::new(),
        environment: Vec::new(),
        healthcheck: None,
        stop_grace_period: None,
        constraints: Vec::new(),
        max_replicas_per_node: None,
        restart_condition: None,
        max_attempts: None,
        restart_delay: None,
        update: None,
        rollback: None,
        endpoint_mode: None,
        ports: Vec::new(),
        networks: Vec::new(),
        force_update: 0,
        whole: json!({ "image": image, "replicas": replicas }),
    }
}

fn update_config(failure_action: FailureAction) -> UpdateConfig {
    UpdateConfig {
        parallelism: 1,
        delay: Duration::ZERO,
        failure_action,
        monitor: None,
        max_failure_ratio: 0.0,
        order: Order::StopFirst,
    }
}

/// Three nodes, `n1` to `n3`.
fn nodes() -> Arc<[Node]> {
    let node = |number: u8| Node {
        id: format!("n{number}"),
        name: format!("worker{number}"),
        ready: true,
        availability: Availability::Active,
        manager: number == 1,
        address: Some([10, 0, 0, number].into()),
        platform: Platform::default(),
        labels: BTreeMap::new(),
        engine_labels: BTreeMap::new(),
    };
    (1..=3).map(node).collect()
}

/// The swarm's clock so long after the watch began.
fn clock(at: Duration) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::from_hours(500_000) + at
}

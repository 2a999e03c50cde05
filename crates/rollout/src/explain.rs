//! Why tasks failed, as far as the cluster tells: node, log, health check, and what to do about it.
//!
//! A manager tells of tasks and their logs. What a health check printed only the engine of the
//! task's own node knows; the credentials for the cluster usually open that one too, and where they
//! don't, a report is the poorer for it and nothing else.

mod health;
mod hints;
mod logs;
mod placement;

use std::time::Duration;

use crate::record::Explanation;
use crate::snapshot::{Node, Spec};
use crate::swarm::Swarm;
use crate::verdict::TaskFailure;

/// How many failures of one service are looked into.
const AT_MOST: usize = 3;

/// Longest time for each question.
const PATIENCE: Duration = Duration::from_secs(3);

/// Looks into the failures of a service that was asked for as `spec` has it.
pub async fn explain(
    swarm: &Swarm,
    spec: Option<&Spec>,
    failures: &[TaskFailure],
    nodes: &[Node],
) -> Vec<Explanation> {
    let looked_into = failures.iter().take(AT_MOST);
    let each = looked_into.map(|failure| one(swarm, spec, failure, nodes));
    futures::future::join_all(each).await
}

async fn one(
    swarm: &Swarm,
    spec: Option<&Spec>,
    failure: &TaskFailure,
    nodes: &[Node],
) -> Explanation {
    let node = failure.node.as_ref().and_then(|id| nodes.iter().find(|node| node.id == *id));
    let (log, health) = tokio::join!(
        within(logs::last_lines(swarm, failure)),
        within(health::results(swarm, failure, node)),
    );
    Explanation {
        failure: failure.clone(),
        node: node.map(|node| node.name.clone()),
        hints: hints::hints(failure, spec, nodes, &health),
        log,
        health,
    }
}

/// What is known in time.
async fn within<T: Default>(question: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, question).await.unwrap_or_default()
}

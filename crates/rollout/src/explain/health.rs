//! What a task's health check printed, by the engine of the task's node.

use bollard::query_parameters::InspectContainerOptions;

use crate::record::HealthResult;
use crate::snapshot::Node;
use crate::swarm::Swarm;
use crate::verdict::TaskFailure;

/// The last results, oldest first: five at most, for engines keep no more
/// (<https://github.com/moby/moby/blob/v28.5.2/daemon/health.go>).
pub(super) async fn results(
    swarm: &Swarm,
    failure: &TaskFailure,
    node: Option<&Node>,
) -> Vec<HealthResult> {
    let known = failure.container.as_ref().zip(node.and_then(|node| node.address));
    let Some((container, address)) = known else { return Vec::new() };
    let Ok(docker) = swarm.engine_at(address).and_then(|engine| engine.docker()) else {
        return Vec::new();
    };
    let asked = docker.inspect_container(container, None::<InspectContainerOptions>).await;
    let inspected = asked.inspect_err(|error| {
        tracing::info!(%address, %error, "the engine of a task's node doesn't tell of its health");
    });
    let health = inspected.ok().and_then(|container| container.state?.health);
    let log = health.and_then(|health| health.log).unwrap_or_default();
    let result = |entry: bollard::models::HealthcheckResult| HealthResult {
        at: entry.end.unwrap_or_default(),
        exit_code: entry.exit_code.unwrap_or_default(),
        output: entry.output.unwrap_or_default(),
    };
    log.into_iter().map(result).collect()
}

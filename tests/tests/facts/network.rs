//! How a network goes.

use job::Result;
use testkit::nodes::Node;
use testkit::wait::{Seen, until};

use super::service::{LIMIT, Service};

pub(crate) async fn a_network_can_be_removed_with_its_service_and_goes_with_the_last_task(
    node: &Node,
) -> Result<()> {
    let network = format!("facts{}", std::process::id());
    node.docker(&["network", "create", "--driver", "overlay", &network]).await?;
    let here = format!("node.hostname=={}", node.name);
    let place = ["--network", &network, "--constraint", &here, "--stop-grace-period", "3s"];
    let service =
        Service::create(node, &[&place[..], &["--env", "DEAF=1", "web:bare-v1"]].concat()).await?;
    service.until_running(1).await?;
    let detail = async || node.get(&format!("/networks/{network}?verbose=true")).await;
    let endpoints = detail().await?.body["Services"][&service.name]["Tasks"].clone();
    assert_eq!(endpoints.as_array().map(Vec::len), Some(1), "{endpoints}");

    service.remove().await?;
    assert_eq!(service.tasks().await?.len(), 1, "it is still ending");
    // The managers let go of a network as soon as no service is on it any more …
    node.docker(&["network", "rm", &network]).await?;
    assert_eq!(service.tasks().await?.len(), 1, "it is still ending");
    // … and the engine of the task's node only with the task's end.
    let its = format!("name={network}");
    let list = ["network", "ls", "--quiet", "--filter", &its];
    assert_ne!(node.docker(&list).await?, "");
    until("the tasks to go", LIMIT, async || match service.tasks().await {
        Ok(tasks) if tasks.is_empty() => Seen::Ready(()),
        other => Seen::NotYet(format!("{other:?}")),
    })
    .await?;
    until("the network to go", LIMIT, async || match node.docker(&list).await {
        Ok(listed) if listed.is_empty() => Seen::Ready(()),
        other => Seen::NotYet(format!("{other:?}")),
    })
    .await
}

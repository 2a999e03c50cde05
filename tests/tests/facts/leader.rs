//! What a change of the leader does to an update: the updater's memory is the leader's own.

use job::{Failure, Result};
use testkit::images;
use testkit::nodes::{Swarm, SwarmOptions};
use testkit::wait::{Seen, until};

use super::service::{LIMIT, Service};

/// The old leader would have monitored for twenty minutes, and paused at the next failure.
#[tokio::test]
async fn a_new_leader_knows_of_no_failure_and_ends_the_monitoring_at_once() -> Result<()> {
    let swarm = Swarm::start(SwarmOptions { managers: 3, workers: 0, ..SwarmOptions::default() });
    let swarm = swarm.await?;
    swarm.load(&images::for_rollouts().await?).await?;
    let leader = swarm.leader().await?.clone();
    let follower = swarm.managers().find(|manager| manager.name != leader.name).cloned();
    let follower = follower.ok_or_else(|| Failure::system("nobody follows the leader"))?;

    let update = ["--update-parallelism", "0", "--update-monitor", "20m"];
    let ratio = ["--update-max-failure-ratio", "0.3", "--restart-delay", "20m"];
    // Where the leader's death can't end it.
    let elsewhere = format!("node.hostname=={}", follower.name);
    let rest = ["--replicas", "4", "--constraint", &elsewhere, "web:bare-v1"];
    let service = Service::create(&follower, &[&update[..], &ratio, &rest].concat()).await?;
    service.until_running(4).await?;
    // One of four is less than three in ten, so it goes on.
    let crash = ["--env-add", "SLOT={{.Task.Slot}}", "--args"];
    let crash = [&crash[..], &["sh -c 'test $SLOT != 1 && exec sleep infinity'"]].concat();
    service.update(&crash).await?;
    let look = service.until("one crash", |look| look.count("failed") == 1).await?;
    assert_eq!(look.update_state(), "updating");
    service.until("the others to run", |look| look.running() == 3).await?;
    assert_eq!(service.look().await?.update_state(), "updating");

    leader.kill().await?;
    assert_ne!(swarm.leader().await?.name, leader.name);
    let look = until("the update to end", LIMIT, async || match service.look().await {
        Ok(look) if look.update_state() == "completed" => Seen::Ready(look),
        other => Seen::NotYet(format!("{other:?}")),
    })
    .await?;
    assert_eq!(look.running(), 3, "three of four: {look:?}");
    drop(service);
    swarm.stop().await
}

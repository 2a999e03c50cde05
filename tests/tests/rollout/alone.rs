//! Rows in which nodes are lost, on a swarm of their own: three managers, two workers.

use job::{Failure, Result};
use scenarios::rollouts::{ALONE, Stack};
use scenarios::{Credentials, Scenario};
use testkit::images;
use testkit::nodes::{Swarm, SwarmOptions};

use crate::play::Told;

#[tokio::test]
async fn nodes_that_are_drained_or_die_meanwhile() -> Result<()> {
    let swarm = Swarm::start(SwarmOptions { managers: 3, ..SwarmOptions::default() }).await?;
    swarm.load(&images::for_rollouts().await?).await?;
    swarm.manager().docker(&["network", "create", "--driver", "overlay", "flix"]).await?;
    for row in ALONE {
        // The job's cluster is at a manager that stays.
        let leader = swarm.leader().await?.clone();
        let manager = swarm.managers().find(|manager| manager.name != leader.name);
        let manager = manager.ok_or_else(|| Failure::system("there is one manager only"))?;
        let credentials = Credentials::new(&manager.endpoint(), swarm.client()?);
        let scenario = Scenario { swarm: (*swarm).clone(), credentials };
        let stack = Stack::new(row);
        stack.set(&swarm, manager).await?;
        let told = Told::by(&scenario, &stack, manager).await?;
        stack.clear(&swarm, manager).await?;
        told.is_the_truth(row, &stack);
    }
    swarm.stop().await
}

//! Two jobs that deploy at the same time.

use job::{Failure, Result};
use scenarios::Scenario;
use scenarios::rollouts::{Stack, row};

use crate::play::Told;

#[tokio::test]
async fn two_jobs_judge_each_its_own_stack() -> Result<()> {
    let scenario = Scenario::new()?;
    let manager = scenario.swarm.manager();
    let stack = |name| {
        row(name).map(Stack::new).ok_or_else(|| Failure::system(format!("there is no {name}")))
    };
    let (good, bad) = (stack("good-update")?, stack("bad-image")?);
    for stack in [&good, &bad] {
        stack.set(&scenario.swarm, manager).await?;
    }
    let (first, second) =
        tokio::try_join!(Told::by(&scenario, &good, manager), Told::by(&scenario, &bad, manager))?;
    for stack in [&good, &bad] {
        stack.clear(&scenario.swarm, manager).await?;
    }
    first.is_the_truth(good.row, &good);
    second.is_the_truth(bad.row, &bad);
    Ok(())
}

//! The same jobs on every engine that there is, and on every way to it.

use futures::future::try_join_all;
use job::Result;
use scenarios::{Engine, PROTOCOLS, Scenario};

use crate::jobs::one_after_the_other;
use crate::project::Project;

/// The swarm's manager has them elsewhere.
#[tokio::test]
async fn outside_the_swarm_hold_the_same_jobs() -> Result<()> {
    let scenario = Scenario::new()?;
    let project = Project::new(&scenario).await?;
    if scenario.swarm.newest_engines().next().is_none() {
        println!("SKIPPED: the newest engine was not fetched");
    }
    let engines = Engine::outside_the_swarm(&scenario, "")?;
    let jobs = engines.iter().map(async |engine| {
        let (name, version) = (&engine.node.name, engine.node.engine_version().await?);
        println!("{name} has Docker Engine {version}");
        one_after_the_other(&scenario, &project, engine, PROTOCOLS[1]).await
    });
    try_join_all(jobs).await.map(drop)
}

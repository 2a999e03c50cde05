//! Rows in which nodes are lost, on a swarm of their own: three managers, two workers.

use job::{Failure, Result};
use scenarios::rollouts::{ALONE, DEPLOY, Deed, Deploy, Other, Outcome, Row, Stack, Truth};
use scenarios::{Credentials, Scenario};
use testkit::images;
use testkit::nodes::{Swarm, SwarmHandle, SwarmOptions};

use crate::play::{Told, job};

/// A new leader takes its time before it says that a node is down, and until then nothing goes on there.
const PATIENT: &str = "[profile.default.rollout]\nprogress_deadline = \"2m\"\n";

/// Nothing goes on any more where a rollout fails.
const IMPATIENT: &str = "[profile.default.rollout]\nprogress_deadline = \"30s\"\n";

/// The watch begins at this manager, and has to go on at another one.
const MANAGER_KILLED: Row = Row {
    name: "manager-killed",
    before: Some(Deploy { file: "web.yml", variables: &[] }),
    earlier: &[],
    change: Deploy {
        file: "web.yml",
        variables: &[("IMAGE", "web:v2"), ("REPLICAS", "6"), ("LISTEN_AFTER", "1")],
    },
    script: DEPLOY,
    others: &[Other::KillTheManager],
    truth: Truth {
        deed: Deed::Updated,
        outcome: Outcome::Succeeded,
        reasons: &["converged"],
        words: &[],
        exit_code: 0,
        seconds: 90,
    },
};

#[tokio::test]
async fn nodes_that_are_drained_or_die_meanwhile() -> Result<()> {
    let swarm = swarm().await?;
    for row in ALONE {
        judged(&swarm, row).await?;
    }
    swarm.stop().await
}

#[tokio::test]
async fn the_manager_that_the_job_was_given_dies_meanwhile() -> Result<()> {
    let swarm = swarm().await?;
    judged(&swarm, &MANAGER_KILLED).await?;
    swarm.stop().await
}

async fn swarm() -> Result<Swarm> {
    let swarm = Swarm::start(SwarmOptions { managers: 3, ..SwarmOptions::default() }).await?;
    swarm.load(&images::for_rollouts().await?).await?;
    swarm.manager().docker(&["network", "create", "--driver", "overlay", "flix"]).await?;
    Ok(swarm)
}

/// Plays the row at a manager that follows, not leads.
async fn judged(swarm: &SwarmHandle, row: &'static Row) -> Result<()> {
    let leader = swarm.leader().await?.clone();
    let manager = swarm.managers().find(|manager| manager.name != leader.name);
    let manager = manager.ok_or_else(|| Failure::system("there is one manager only"))?;
    let credentials = Credentials::new(&manager.endpoint(), swarm.client()?);
    let scenario = Scenario { swarm: swarm.clone(), credentials };
    let stack = Stack::new(row);
    stack.set(swarm, manager).await?;
    let job = job(&scenario, &stack)?;
    let settings = if row.truth.exit_code == 0 { PATIENT } else { IMPATIENT };
    let told = Told::of_job(&scenario, &stack, manager, job, settings).await?;
    revive(swarm).await?;
    stack.clear(swarm, swarm.leader().await?).await?;
    told.is_the_truth(row, &stack);
    Ok(())
}

/// Starts anew whichever node was killed.
async fn revive(swarm: &SwarmHandle) -> Result<()> {
    for node in swarm.nodes() {
        if node.get("/_ping").await.is_err() {
            node.restart().await?;
        }
    }
    Ok(())
}

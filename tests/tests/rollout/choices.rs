//! What a bad end means is the profile's choice and the job's: a warning, or nobody who waits.

use job::{Failure, Result};
use play::{Cancel, Variable};
use scenarios::rollouts::{Stack, row};
use scenarios::{Scenario, warnings};

use crate::play::{SETTINGS, deploying, job, play_under};

#[tokio::test]
async fn a_rollout_that_fails_is_a_warning_where_the_job_says_so() -> Result<()> {
    let scenario = Scenario::new()?;
    let (stack, manager) = (bad_image()?, scenario.swarm.manager());
    stack.set(&scenario.swarm, manager).await?;
    let job = job(&scenario, &stack)?.variable(Variable::new("SWARM_ON_FAILURE", "warn"));
    let outcome = play_under(SETTINGS, &job, &Cancel::default(), |_| {}).await?;
    stack.clear(&scenario.swarm, manager).await?;
    let log = outcome.log_text();
    assert!(outcome.is_success(), "{log}");
    let warned = warnings(&outcome.log);
    let words = format!("The swarm paused the update of {}", stack.service());
    assert!(warned.contains(&words), "{warned}\n{log}");
    Ok(())
}

#[tokio::test]
async fn nobody_waits_where_the_profile_says_so_and_advice_is_told_all_the_same() -> Result<()> {
    let scenario = Scenario::new()?;
    let (stack, manager) = (bad_image()?, scenario.swarm.manager());
    stack.set(&scenario.swarm, manager).await?;
    let settings = "[profile.default.rollout]\nwait = false\n";
    let job = deploying(&scenario, &stack)?.after_script(["ls rollout* || echo no re''port"]);
    let outcome = play_under(settings, &job, &Cancel::default(), |_| {}).await?;
    stack.clear(&scenario.swarm, manager).await?;
    let log = outcome.log_text();
    assert!(outcome.is_success(), "{log}");
    assert!(!log.contains("swarm_rollout") && !log.contains("Waiting for the rollout"), "{log}");
    assert!(log.contains("\nno report\n"), "{log}");
    assert!(log.contains("Advice, so that the next deploy drops no requests:"), "{log}");
    assert!(log.contains(&format!("start-first ({})", stack.service())), "{log}");
    Ok(())
}

/// An update to an image that is nowhere.
fn bad_image() -> Result<Stack> {
    let row = row("bad-image").ok_or_else(|| Failure::system("there is no such row"))?;
    Ok(Stack::new(row))
}

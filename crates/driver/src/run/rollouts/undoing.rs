//! Taking every touched service back, and waiting for that too.

use job::{Failure, Result};
use rollout::expectation::Expectation;
use rollout::record::{UndoDeed, Undone};
use rollout::swarm::Swarm;
use rollout::undo::Plan;
use rollout::watch::Watch;

use super::Rollouts;
use super::telling::Telling;

/// What is done about one service.
struct Step {
    undone: Undone,
    /// What the swarm is then expected to do.
    expectation: Option<Expectation>,
}

/// Takes back what was done; the results are in the order of the rollouts.
pub(super) async fn undo(
    rollouts: &Rollouts<'_>,
    watch: &mut Watch,
    telling: &mut Telling,
) -> Vec<Option<Undone>> {
    let mut steps = Vec::new();
    // The last change first: a service may need what another one, created before it, offers.
    for watched in watch.watched.iter().rev() {
        steps.push(step(&rollouts.swarm, &watched.expectation).await);
    }
    steps.reverse();
    let expectations: Vec<_> = steps.iter().filter_map(|step| step.expectation.clone()).collect();
    telling.undoing(&expectations);
    let mut second = watch.follow_up(expectations, rollouts.deadlines());
    let lost = second.until_ended(|news| telling.look(&news)).await.err();
    let mut ends = watch.resume(second).into_iter();
    let ended = |step: Step| {
        let verdict = step.expectation.and_then(|_| ends.next());
        let lost = lost.as_ref().filter(|_| matches!(verdict, Some(None)));
        let error = step.undone.error.or(lost.map(Failure::render));
        Some(Undone { verdict: verdict.flatten(), error, ..step.undone })
    };
    steps.into_iter().map(ended).collect()
}

async fn step(swarm: &Swarm, expectation: &Expectation) -> Step {
    let (deed, acted) = act(swarm, expectation).await;
    let (expectation, error) = match acted {
        Ok(expectation) => (expectation, None),
        Err(failure) => (None, Some(failure.render())),
    };
    Step { undone: Undone { deed, verdict: None, error }, expectation }
}

/// What was done about a service, and what is to come of it.
async fn act(swarm: &Swarm, expectation: &Expectation) -> (UndoDeed, Result<Option<Expectation>>) {
    let now = match swarm.service(&expectation.id).await {
        Ok(now) => now,
        Err(failure) => return (UndoDeed::Nothing, Err(failure)),
    };
    let plan = Plan::of(expectation, now.as_ref());
    (plan.deed(), plan.act(swarm, expectation, now.as_ref()).await)
}

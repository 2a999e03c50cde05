//! A cancel while rollouts are waited for.

use std::time::{Duration, Instant};

use job::Result;
use play::{Cancel, Event, Status};
use scenarios::rollouts::{DEPLOY, Deed, Deploy, Outcome, Row, Stack, Truth};
use scenarios::{Moment, Scenario, at};

use crate::play::{SETTINGS, deploying, play_under, section, tell};

/// An update whose first task is watched for five minutes before the second one's turn comes.
const SLOW: Row = Row {
    name: "cancelled",
    before: Some(Deploy { file: "web.yml", variables: &[] }),
    earlier: &[],
    change: Deploy { file: "web.yml", variables: &[("IMAGE", "web:v2"), ("MONITOR", "5m")] },
    script: DEPLOY,
    others: &[],
    truth: Truth {
        deed: Deed::Updated,
        outcome: Outcome::Succeeded,
        reasons: &["converged"],
        words: &[],
        exit_code: 1,
        seconds: 600,
    },
};

/// Longest time from a cancel to the end of the stage that waits.
const AT_ONCE: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_cancel_ends_the_wait_at_once_and_the_last_line_says_how_things_stand() -> Result<()> {
    let scenario = Scenario::new()?;
    let (stack, manager) = (Stack::new(&SLOW), scenario.swarm.manager());
    stack.set(&scenario.swarm, manager).await?;
    let job = deploying(&scenario, &stack)?.after_script(["ls rollout* || echo no re''port"]);
    let cancel = Cancel::default();
    let (mut cancelled, mut ended) = (None, None);
    let mut stands = at(Moment::Said("1 of 2 tasks updated and running"), |_| {
        cancelled = Some(Instant::now());
        cancel.cancel();
    });
    let watch = |event: Event| {
        if matches!(&event, Event::Ended(stage) if stage.stage == "build_script") {
            ended = Some(Instant::now());
        }
        stands(event);
    };
    let outcome = play_under(SETTINGS, &job, &cancel, watch).await?;
    drop(stands);
    stack.clear(&scenario.swarm, manager).await?;
    let log = outcome.log_text();
    assert_eq!(outcome.status, Status::Cancelled, "{log}");
    let took = cancelled.zip(ended).map(|(cancelled, ended)| ended - cancelled);
    assert!(took.is_some_and(|took| took < AT_ONCE), "{took:?}\n{log}");
    tell(&format!("the wait ended {:?} after the cancel", took.unwrap_or_default()));
    let last = section(&log).last().copied().unwrap_or_default().to_owned();
    let stood = "cancelled: 0 of 1 rollout ended; cancelled-";
    let whole = last.contains(stood) && last.contains("_web: 1 of 2 tasks updated and running");
    assert!(whole, "{last}\n{log}");
    assert!(log.contains("\nno report\n"), "{log}");
    Ok(())
}

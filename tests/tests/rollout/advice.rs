//! Advice: rules that are mandatory refuse, rules that are silenced say nothing.

use http::StatusCode;
use job::Result;
use play::{Cancel, Status};
use scenarios::Scenario;
use scenarios::rollouts::{DEPLOY, Deed, Deploy, Outcome, Row, Stack, Truth};

use crate::play::{Told, job, play_under};

/// An image without a HEALTHCHECK, and none in the stack file.
const BARE: Row = Row {
    name: "bare",
    before: None,
    earlier: &[],
    change: Deploy { file: "web.yml", variables: &[("IMAGE", "web:bare-v1")] },
    script: DEPLOY,
    others: &[],
    truth: Truth {
        deed: Deed::Created,
        outcome: Outcome::Succeeded,
        reasons: &["converged"],
        words: &[],
        exit_code: 0,
        seconds: 20,
    },
};

/// The same stack file with an image that has one.
const CHECKED: Row =
    Row { name: "checked", change: Deploy { file: "web.yml", variables: &[] }, ..BARE };

/// Creates a service by hand, and deploys the stack file.
const REFUSED: Row = Row {
    name: "refused",
    script: &[
        "docker service create --detach --no-resolve-image --network flix --name ${STACK}_own \
         web:bare-v1 || echo that en''ded with $?",
        "docker stack deploy -c stack.yml $STACK",
    ],
    ..BARE
};

const MANDATORY: &str = "[profile.default.rollout]\nadvice.mandatory = [\"healthcheck\"]\n";

const SILENCED: &str = "[profile.default.rollout]\nadvice.silence = [\"healthcheck\"]\n";

#[tokio::test]
async fn what_is_mandatory_refuses_a_service_in_the_words_of_the_advice() -> Result<()> {
    let scenario = Scenario::new()?;
    let (stack, manager) = (Stack::new(&REFUSED), scenario.swarm.manager());
    let job = job(&scenario, &stack)?;
    let outcome = play_under(MANDATORY, &job, &Cancel::default(), |_| {}).await?;
    let web = manager.get(&format!("/services/{}", stack.service())).await?.status;
    stack.clear(&scenario.swarm, manager).await?;
    let log = outcome.log_text();
    assert_eq!(outcome.status, Status::ScriptFailure(1), "{log}");
    assert!(log.contains("\nthat ended with 1\n"), "{log}");
    assert_eq!(web, StatusCode::NOT_FOUND, "{log}");
    for service in [format!("{}_own", stack.name()), stack.service()] {
        let refusal = log.split_once(&format!("{service} (healthcheck): ")).map(|(_, rest)| rest);
        let text = refusal.unwrap_or_default();
        assert!(text.lines().take(4).any(|line| line.trim() == "healthcheck:"), "{service}\n{log}");
    }
    Ok(())
}

#[tokio::test]
async fn the_images_own_health_check_is_one() -> Result<()> {
    let scenario = Scenario::new()?;
    let (stack, manager) = (Stack::new(&CHECKED), scenario.swarm.manager());
    let job = job(&scenario, &stack)?;
    let told = Told::of_job(&scenario, &stack, manager, job, MANDATORY).await?;
    stack.clear(&scenario.swarm, manager).await?;
    told.is_the_truth(&CHECKED, &stack);
    assert!(!rules(&told).contains(&"healthcheck"), "{}", told.log);
    Ok(())
}

#[tokio::test]
async fn what_is_silenced_is_not_told_and_all_else_is() -> Result<()> {
    let scenario = Scenario::new()?;
    let manager = scenario.swarm.manager();
    let (loud, silent) = (Stack::new(&BARE), Stack::new(&BARE));
    let (first, second) = (job(&scenario, &loud)?, job(&scenario, &silent)?);
    let (loudly, silently) = tokio::try_join!(
        Told::of_job(&scenario, &loud, manager, first, ""),
        Told::of_job(&scenario, &silent, manager, second, SILENCED),
    )?;
    for (told, stack) in [(&loudly, &loud), (&silently, &silent)] {
        stack.clear(&scenario.swarm, manager).await?;
        told.is_the_truth(&BARE, stack);
    }
    let all = rules(&loudly);
    assert!(all.contains(&"healthcheck") && all.len() > 1, "{}", loudly.log);
    let rest: Vec<_> = all.iter().copied().filter(|rule| *rule != "healthcheck").collect();
    assert_eq!(rules(&silently), rest, "{}", silently.log);
    assert!(loudly.log.contains("  healthcheck ("), "{}", loudly.log);
    assert!(!silently.log.contains("  healthcheck ("), "{}", silently.log);
    Ok(())
}

/// The rules of the advice that was given.
fn rules(told: &Told) -> Vec<&str> {
    let advice = told.report["advice"].as_array().into_iter().flatten();
    advice.filter_map(|advice| advice["rule"].as_str()).collect()
}

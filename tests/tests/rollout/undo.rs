//! `on_failure = "rollback"`: what a job did to its services is taken back, and then it fails.

use http::StatusCode;
use job::Result;
use play::{Cancel, Status, Variable};
use scenarios::rollouts::{DEPLOY, Deed, Deploy, Other, Outcome, Row, Stack, Truth};
use scenarios::{Scenario, errors};
use serde_json::Value;
use testkit::nodes::Node;

use crate::play::{Told, job, play_under};

/// A service is updated well, and another one, which is new, never runs.
const UNDONE: Row = Row {
    name: "undone",
    before: Some(Deploy { file: "web.yml", variables: &[] }),
    earlier: &[],
    change: Deploy { file: "pair.yml", variables: &[] },
    script: DEPLOY,
    others: &[],
    truth: Truth {
        deed: Deed::Updated,
        outcome: Outcome::Succeeded,
        reasons: &["converged"],
        words: &[],
        exit_code: 1,
        seconds: 30,
    },
};

/// The same, and somebody else changes the first one meanwhile.
const OTHERS: Row = Row {
    name: "undone-but-for",
    others: &[Other::Line(
        "docker service update --detach --no-resolve-image --env-add VERSION=theirs ${STACK}_web",
    )],
    ..UNDONE
};

/// The job's choice is within the profile's.
const PERMITS: &str = "[profile.default.rollout]\nprogress_deadline = \"20s\"\n\
    allowed_on_failure = [\"rollback\", \"warn\"]\n";

const FORBIDS: &str = "[profile.default.rollout]\nallowed_on_failure = [\"fail\", \"warn\"]\n";

#[tokio::test]
async fn an_updated_service_is_what_it_was_and_a_created_one_is_gone() -> Result<()> {
    let scenario = Scenario::new()?;
    let (stack, manager) = (Stack::new(&UNDONE), scenario.swarm.manager());
    stack.set(&scenario.swarm, manager).await?;
    let before = spec(manager, &stack.service()).await?;
    let told = taken_back(&scenario, &stack, PERMITS).await?;
    let after = spec(manager, &stack.service()).await?;
    let extra = format!("{}_extra", stack.name());
    let gone = manager.get(&format!("/services/{extra}")).await?.status;
    stack.clear(&scenario.swarm, manager).await?;
    assert!(!told.succeeded, "{}", told.log);
    assert_eq!(before, after, "{}", told.log);
    assert_eq!(gone, StatusCode::NOT_FOUND, "{}", told.log);
    let (updated, created) = (told.service(&stack.service()), told.service(&extra));
    assert_eq!(updated["verdict"]["outcome"], "succeeded", "{}", told.log);
    assert_eq!(created["verdict"]["outcome"], "failed", "{}", told.log);
    for (service, deed) in [(updated, "restored"), (created, "removed")] {
        assert_eq!(service["undone"]["deed"], deed, "{}", told.log);
        assert_eq!(service["undone"]["outcome"], "succeeded", "{}", told.log);
    }
    for words in [
        "taking back what this job did to ",
        "_web back: its previous specification was asked for again; rolled back as asked after",
        "_extra back: the job had created it, and it was removed; removed after",
    ] {
        assert!(told.log.contains(words), "{words}\n{}", told.log);
    }
    Ok(())
}

#[tokio::test]
async fn a_service_that_is_somebody_elses_by_now_is_left_alone() -> Result<()> {
    let scenario = Scenario::new()?;
    let (stack, manager) = (Stack::new(&OTHERS), scenario.swarm.manager());
    stack.set(&scenario.swarm, manager).await?;
    let told = taken_back(&scenario, &stack, PERMITS).await?;
    let theirs = spec(manager, &stack.service()).await?;
    let extra = format!("{}_extra", stack.name());
    let gone = manager.get(&format!("/services/{extra}")).await?.status;
    stack.clear(&scenario.swarm, manager).await?;
    assert!(!told.succeeded, "{}", told.log);
    assert!(theirs.to_string().contains("VERSION=theirs"), "{theirs}\n{}", told.log);
    assert_eq!(gone, StatusCode::NOT_FOUND, "{}", told.log);
    let left = told.service(&stack.service());
    assert_eq!(left["verdict"]["outcome"], "superseded", "{}", told.log);
    assert_eq!(left["undone"]["deed"], "nothing", "{}", told.log);
    assert_eq!(left["undone"]["error"], "somebody else has changed it since", "{}", told.log);
    assert_eq!(told.service(&extra)["undone"]["deed"], "removed", "{}", told.log);
    assert!(told.log.contains("somebody else has changed it since"), "{}", told.log);
    Ok(())
}

#[tokio::test]
async fn a_job_that_may_not_ask_for_it_is_told_before_its_script_runs() -> Result<()> {
    let scenario = Scenario::new()?;
    let stack = Stack::new(&UNDONE);
    let job = job(&scenario, &stack)?.variable(Variable::new("SWARM_ON_FAILURE", "rollback"));
    let outcome = play_under(FORBIDS, &job, &Cancel::default(), |_| {}).await?;
    let log = outcome.log_text();
    assert_eq!(outcome.status, Status::BuildFailure, "{log}");
    assert_eq!(outcome.stage_names(), ["config", "prepare", "cleanup"], "{log}");
    let told = errors(&outcome.log);
    let words = "SWARM_ON_FAILURE asks for rollback; the profile permits fail, warn only";
    assert!(told.starts_with(words), "{told}");
    Ok(())
}

async fn taken_back(scenario: &Scenario, stack: &Stack, settings: &str) -> Result<Told> {
    let job = job(scenario, stack)?.variable(Variable::new("SWARM_ON_FAILURE", "rollback"));
    Told::of_job(scenario, stack, scenario.swarm.manager(), job, settings).await
}

/// What is asked for of a service.
async fn spec(manager: &Node, service: &str) -> Result<Value> {
    let mut service = manager.get(&format!("/services/{service}")).await?.body;
    Ok(service["Spec"].take())
}

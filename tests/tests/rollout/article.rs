//! The article's experiment: requests go on while its stack files are deployed.

use job::Result;
use play::{Cancel, Sources, Variable};
use scenarios::Scenario;
use scenarios::rollouts::{Deploy, Stack};
use testkit::nodes::Front;

use crate::play::{Told, play_under, tell};

const FIRST: Deploy = Deploy { file: "article-first.yml", variables: &[] };
const FINAL: Deploy = Deploy { file: "article-final.yml", variables: &[] };

/// So many deploys of the final stack file in a row lose nothing.
const DEPLOYS: u32 = 10;

/// So often that none of the moments in which requests are lost is missed.
const SETTINGS: &str = "[profile.default.rollout.probe]\ninterval = \"250ms\"\n";

#[tokio::test]
async fn the_first_stack_file_loses_requests_and_the_final_one_none() -> Result<()> {
    let scenario = Scenario::new()?;
    let stack = format!("article{}", std::process::id());
    let front = scenario.swarm.front(&format!("{stack}_hello"), "flix").await?;
    for number in 0..2 {
        let told = deploy(&scenario, &stack, FIRST, number, &front).await?;
        if number > 0 {
            lost_for_a_reason(&told);
        }
    }
    // From the first file to the final one: old tasks are still without a health check.
    deploy(&scenario, &stack, FINAL, 2, &front).await?;
    let mut sent = 0;
    for number in 3..3 + DEPLOYS {
        let told = deploy(&scenario, &stack, FINAL, number, &front).await?;
        assert_eq!(all(&told, "failed"), 0, "{}\n{}", told.report["probe"], told.log);
        assert!(told.succeeded, "{}", told.log);
        sent += all(&told, "sent");
    }
    tell(&format!("{DEPLOYS} deploys of the final stack file lost none of {sent} requests"));
    scenario.swarm.manager().docker(&["stack", "rm", &stack]).await?;
    front.remove().await
}

async fn deploy(
    scenario: &Scenario,
    stack: &str,
    deploy: Deploy,
    number: u32,
    front: &Front,
) -> Result<Told> {
    let script =
        [r#"printf '%s\n' "$STACK_FILE" >stack.yml"#, "docker stack deploy -c stack.yml $STACK"];
    let job = scenario.job("deploy").sources(Sources::None).script(script);
    let job = job.after_script(["echo what the roll''out was:; cat rollout.json"]);
    let job = job
        .variable(Variable::new("STACK_FILE", Stack::file(deploy)?).raw())
        .variable(Variable::new("STACK", stack))
        .variable(Variable::new("DEPLOY", number.to_string()))
        .variable(Variable::new("SWARM_PROBE_URL", front.url()));
    let outcome = play_under(SETTINGS, &job, &Cancel::default(), |_| {}).await?;
    Told::of(&outcome)
}

/// Requests were lost, and the log says when, what the rollout did then, and what to write against it.
fn lost_for_a_reason(told: &Told) {
    let (failed, sent) = (all(told, "failed"), all(told, "sent"));
    assert!(failed > 0, "nothing was lost: {}", told.report["probe"]);
    for words in [format!(" {sent} requests, {failed} failed (").as_str(), "; meanwhile "] {
        assert!(told.log.contains(words), "{words}\n{}", told.log);
    }
    assert!(told.log.contains("\n  healthcheck ("), "{}", told.log);
    tell(&format!("the first stack file lost {failed} of {sent} requests"));
}

/// How many requests were `sent` or have `failed`, on fresh connections and on kept ones.
fn all(told: &Told, what: &str) -> u64 {
    let probe = &told.report["probe"];
    ["fresh", "kept"].iter().filter_map(|way| probe[way][what].as_u64()).sum()
}

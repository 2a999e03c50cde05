//! The article's experiment: requests go on while its stack files are deployed.

use job::Result;
use play::{Cancel, Protocol, Sources, Variable};
use scenarios::rollouts::{Deploy, Stack};
use scenarios::{Scenario, runner};
use testkit::nodes::Front;

use crate::play::Told;

const FIRST: Deploy = Deploy { file: "article-first.yml", variables: &[] };
const FINAL: Deploy = Deploy { file: "article-final.yml", variables: &[] };

/// So many deploys of the final stack file in a row lose nothing.
const DEPLOYS: u32 = 10;

#[tokio::test]
async fn the_first_stack_file_loses_requests_and_the_final_one_none() -> Result<()> {
    let scenario = Scenario::new()?;
    let stack = format!("article{}", std::process::id());
    let front = scenario.swarm.front(&format!("{stack}_hello"), "flix").await?;
    for number in 0..2 {
        let told = deploy(&scenario, &stack, FIRST, number, &front).await?;
        if number > 0 {
            assert!(failed(&told) > 0, "nothing was lost: {}", told.report["probe"]);
            assert!(told.log.contains("healthcheck"), "{}", told.log);
        }
    }
    // From the first file to the final one: old tasks are still without a health check.
    deploy(&scenario, &stack, FINAL, 2, &front).await?;
    for number in 3..3 + DEPLOYS {
        let told = deploy(&scenario, &stack, FINAL, number, &front).await?;
        assert_eq!(failed(&told), 0, "{}\n{}", told.report["probe"], told.log);
        assert!(told.succeeded, "{}", told.log);
    }
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
    let outcome = runner(Protocol::V19).play(&job, &Cancel::default(), |_| {}).await;
    Told::of(&outcome)
}

/// How many requests were lost, on fresh connections and on kept ones.
fn failed(told: &Told) -> u64 {
    let probe = &told.report["probe"];
    ["fresh", "kept"].iter().filter_map(|way| probe[way]["failed"].as_u64()).sum()
}

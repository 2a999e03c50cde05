//! How long the log of a long rollout is.

use std::collections::BTreeSet;

use job::Result;
use scenarios::Scenario;
use scenarios::rollouts::{DEPLOY, Deed, Deploy, Outcome, Row, Stack, Truth};

use crate::play::{Told, section, tell};

/// Ten replicas, two by two; after each two, the last ones too, the update rests.
const TEN: Row = Row {
    name: "ten",
    before: Some(Deploy { file: "web.yml", variables: &[("REPLICAS", "10")] }),
    earlier: &[],
    change: Deploy {
        file: "web.yml",
        variables: &[
            ("IMAGE", "web:v2"),
            ("REPLICAS", "10"),
            ("PARALLELISM", "2"),
            ("DELAY", "11s"),
        ],
    },
    script: DEPLOY,
    others: &[],
    truth: Truth {
        deed: Deed::Updated,
        outcome: Outcome::Succeeded,
        reasons: &["converged"],
        words: &[],
        exit_code: 0,
        seconds: 100,
    },
};

/// The log of a rollout that takes a minute has fewer lines than this.
const LINES: usize = 40;

#[tokio::test]
async fn ten_replicas_that_take_a_minute_are_told_in_under_40_lines() -> Result<()> {
    let scenario = Scenario::new()?;
    let (stack, manager) = (Stack::new(&TEN), scenario.swarm.manager());
    stack.set(&scenario.swarm, manager).await?;
    let told = Told::by(&scenario, &stack, manager).await?;
    stack.clear(&scenario.swarm, manager).await?;
    told.is_the_truth(&TEN, &stack);
    let lines = section(&told.log);
    let took = told.report["took_seconds"].as_f64().unwrap_or_default();
    assert!(took > 55.0, "{took}\n{}", told.log);
    assert!(lines.len() > 5 && lines.len() < LINES, "{} lines\n{}", lines.len(), told.log);
    let different: BTreeSet<_> = lines.iter().collect();
    assert_eq!(different.len(), lines.len(), "{}", told.log);
    tell(&format!("{took} seconds are told in {} lines", lines.len()));
    Ok(())
}

//! The article's own form of the job, which goes past the gateway with its own key. On a swarm of its
//! own: whatever changes meanwhile is taken for such a job's doing.

use job::Result;
use scenarios::rollouts::{DEPLOY, Deed, Deploy, Outcome, Row, Stack, Truth};
use scenarios::{Credentials, Scenario};
use serde_json::json;
use testkit::images;
use testkit::nodes::{Swarm, SwarmOptions};

use crate::play::Told;

/// The article's script around a deploy.
const SCRIPT: &[&str] = &[
    r#"export DOCKER_TLS_VERIFY="1""#,
    r#"export DOCKER_HOST="$DOCKER_SWARM_MASTER""#,
    r#"export DOCKER_CERT_PATH="certs""#,
    "mkdir $DOCKER_CERT_PATH",
    r#"echo "$DOCKER_MACHINE_CA" > $DOCKER_CERT_PATH/ca.pem"#,
    r#"echo "$DOCKER_MACHINE_CLIENT_CERT" > $DOCKER_CERT_PATH/cert.pem"#,
    r#"echo "$DOCKER_MACHINE_CLIENT_KEY" > $DOCKER_CERT_PATH/key.pem"#,
    DEPLOY[0],
    "rm -rf $DOCKER_CERT_PATH",
];

const GOOD: Row = Row {
    name: "past-the-gateway",
    before: Some(Deploy { file: "web.yml", variables: &[] }),
    earlier: &[],
    change: Deploy { file: "web.yml", variables: &[("IMAGE", "web:v2")] },
    script: SCRIPT,
    others: &[],
    truth: Truth {
        deed: Deed::Updated,
        outcome: Outcome::Succeeded,
        reasons: &["converged"],
        words: &["changed while this job ran"],
        exit_code: 0,
        seconds: 20,
    },
};

const BAD: Row = Row {
    name: "past-the-gateway-bad-image",
    change: Deploy {
        file: "web.yml",
        variables: &[("IMAGE", "registry.invalid/web:v9"), ("RESTART_DELAY", "2s")],
    },
    truth: Truth {
        outcome: Outcome::Failed,
        reasons: &["paused"],
        words: &["No such image: registry.invalid/web:v9"],
        exit_code: 1,
        ..GOOD.truth
    },
    ..GOOD
};

#[tokio::test]
async fn a_job_that_goes_past_the_gateway_is_watched_too() -> Result<()> {
    let options = SwarmOptions { workers: 0, ..SwarmOptions::default() };
    let swarm = Swarm::start(options).await?;
    swarm.load(&images::for_rollouts().await?).await?;
    let manager = swarm.manager();
    manager.docker(&["network", "create", "--driver", "overlay", "flix"]).await?;
    let credentials = Credentials::new(&manager.endpoint(), swarm.client()?);
    let scenario = Scenario { swarm: (*swarm).clone(), credentials };
    for row in [&GOOD, &BAD] {
        let stack = Stack::new(row);
        stack.set(&swarm, manager).await?;
        let told = Told::by(&scenario, &stack, manager).await?;
        stack.clear(&swarm, manager).await?;
        assert_eq!(told.services(), [stack.service()], "{}", told.log);
        let service = told.service(&stack.service());
        assert_eq!(service["deed"], "changed_meanwhile", "{}", told.log);
        assert_eq!(service["verdict"]["outcome"], json!(row.truth.outcome), "{}", told.log);
        assert_eq!(service["verdict"]["reason"], row.truth.reasons[0], "{}", told.log);
        assert_eq!(told.succeeded, row.truth.exit_code == 0, "{}", told.log);
        for words in row.truth.words {
            assert!(told.log.contains(words), "{words}\n{}", told.log);
        }
    }
    swarm.stop().await
}

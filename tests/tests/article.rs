//! The article's job runs unchanged, in its own form and in the short one, with the oldest and the
//! newest gitlab-runner.

use job::Result;
use play::Cancel;
use scenarios::{ARTICLE, Left, PROTOCOLS, SHORT, Scenario, left_by, runner};

#[tokio::test]
async fn the_articles_job_succeeds_in_both_forms_with_both_protocols() -> Result<()> {
    let scenario = Scenario::new()?;
    let manager = scenario.swarm.manager();
    for protocol in PROTOCOLS {
        for script in [ARTICLE.as_slice(), SHORT.as_slice()] {
            let job = scenario.job("docker deploy").script(script.iter().copied());
            let outcome = runner(protocol).play(&job, &Cancel::default(), |_| {}).await;
            assert!(outcome.is_success(), "{protocol:?} {script:?}\n{}", outcome.log_text());
            assert_eq!(left_by(&job), Left::default());
            scenario.answers("whoami_hello", 2).await?;
            manager.docker(&["stack", "rm", "whoami"]).await?;
        }
    }
    Ok(())
}

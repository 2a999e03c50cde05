//! The article's job in containers, unchanged, in its own form and in the short one, with the
//! oldest and the newest gitlab-runner.

use job::Result;
use play::{Cancel, Job};
use scenarios::{
    ARTICLE, Engine, Left, PROTOCOLS, Repository, SHORT, Scenario, left_by, privileged,
};

#[tokio::test]
async fn the_articles_job_succeeds_in_both_forms_with_both_protocols() -> Result<()> {
    let scenario = Scenario::new()?;
    let engine = Engine::of_the_cluster(&scenario, "")?;
    let repository = Repository::new()?;
    let sources = repository.serve(&scenario.swarm).await?;
    let watch = engine.node.watch_containers()?;
    for protocol in PROTOCOLS {
        for script in [ARTICLE.as_slice(), SHORT.as_slice()] {
            let job: Job = sources.give(scenario.job("docker deploy"));
            let job = job.script(script.iter().copied());
            let outcome = engine.runner(protocol).play(&job, &Cancel::default(), |_| {}).await;
            assert!(outcome.is_success(), "{protocol:?} {script:?}\n{}", outcome.log_text());
            assert_eq!(left_by(&job), Left::default());
            assert_eq!(engine.left_by(&job).await?, Vec::<String>::new());
            assert_eq!(privileged(&watch, &job).await?, Vec::<String>::new());
            scenario.answers("whoami_hello", 2).await?;
            engine.node.docker(&["stack", "rm", "whoami"]).await?;
        }
    }
    Ok(())
}

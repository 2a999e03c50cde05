//! Which jobs have a helper container: those with a stage that needs it.

use futures::future::try_join_all;
use job::Result;
use play::{Job, Protocol, Variable};
use scenarios::{Engine, PROTOCOLS, Scenario};

use crate::made::{Made, roles_of};
use crate::project::succeeds;

const BUILD_ALONE: &[&str] = &["build"];
const WITH_HELPER: &[&str] = &["build", "helper"];

/// The file of a variable is there, and what is made lasts to the next script.
const SCRIPT: [&str; 1] = [r#"echo "<$(cat "$CONFIG")>"; touch ma''de"#];

const SAYS: [&str; 2] = ["\n<the file's content>\n", "\nafter made\n"];

#[tokio::test]
async fn a_helper_container_is_there_only_for_stages_that_need_it() -> Result<()> {
    let scenario = Scenario::new()?;
    let engine = Engine::of_the_cluster(&scenario, "")?;
    let mut made = Made::on(&engine.node)?;
    let job = |image, strategy| {
        let job = scenario.plain("sourceless", image).script(SCRIPT);
        job.after_script(["echo after ma''*"])
            .variable(Variable::new("GIT_STRATEGY", strategy))
            .variable(Variable::file("CONFIG", "the file's content"))
    };
    let rows = PROTOCOLS.into_iter().flat_map(|protocol| {
        [
            (protocol, job("job:sh", "none"), BUILD_ALONE),
            (protocol, job("job:entrypoint", "empty"), BUILD_ALONE),
            (protocol, job("job:sh", "fetch"), WITH_HELPER),
            (protocol, job("job:bash", "none").cache("key", "warm"), WITH_HELPER),
            // Its user may make no directory on the volume.
            (protocol, job("job:nonroot", "none"), WITH_HELPER),
        ]
    });
    let rows: Vec<(Protocol, Job, &[&str])> = rows.collect();
    let played = rows.iter().map(|(protocol, job, _)| succeeds(&engine, *protocol, job, &SAYS));
    try_join_all(played).await?;
    let made = made.until_now().await?;
    for (protocol, job, expected) in &rows {
        assert_eq!(&roles_of(job, &made), expected, "{protocol:?}: {:?}", job.image);
    }
    Ok(())
}

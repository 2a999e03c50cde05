//! Which jobs have a helper container: those with a stage that needs it.

use futures::future::try_join_all;
use job::Result;
use play::{Job, Protocol, Variable};
use scenarios::{Engine, PROTOCOLS, Scenario};
use testkit::nodes::Container;

use crate::project::succeeds;

const BUILD_ALONE: &[&str] = &["build"];
const WITH_HELPER: &[&str] = &["build", "helper"];

/// The directory is everybody's, whoever has made it; the file of a variable is there, and what is
/// made lasts to the next script.
const SCRIPT: [&str; 2] = [r#"echo "$(stat -c %a .), $(cat "$CONFIG")""#, "touch ma''de"];

const SAYS: [&str; 2] = ["\n777, the file's content\n", "\nafter made\n"];

#[tokio::test]
async fn a_helper_container_is_there_only_for_stages_that_need_it() -> Result<()> {
    let scenario = Scenario::new()?;
    let engine = Engine::of_the_cluster(&scenario, "")?;
    let watch = engine.node.watch_containers()?;
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
    let made = watch.containers().await?;
    for (protocol, job, expected) in &rows {
        assert_eq!(&roles_of(job, &made), expected, "{protocol:?}: {:?}", job.image);
    }
    Ok(())
}

/// What the job's containers were for, beside the one that brings the agent to an engine without it.
fn roles_of<'a>(job: &Job, made: &'a [Container]) -> Vec<&'a str> {
    let its = format!("swarm-executor-gitlab.example.com-{}-", job.id);
    let roles = made.iter().filter_map(|container| container.name.strip_prefix(&its));
    let mut roles: Vec<_> = roles.filter(|role| *role != "courier").collect();
    roles.sort_unstable();
    roles
}

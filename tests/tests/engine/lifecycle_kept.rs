//! What outlives a job on purpose: the project's cache and the agent, which comes to an engine once.

use std::fs;
use std::io::Write;
use std::path::Path;

use job::{Failure, Result};
use play::{Cancel, Exec, Job, Protocol, Runner};
use scenarios::{Engine, Scenario, program};
use tempfile::TempDir;
use testkit::nodes::ContainerWatch;

use crate::project::nothing_is_left;

/// A runner whose agent no engine has seen: the same program, and one byte more.
fn with_another_agent(engine: &Engine, directory: &Path) -> std::io::Result<Runner> {
    let agent = directory.join("swarm-executor-agent");
    fs::copy(static_agent(), &agent)?;
    fs::File::options().append(true).open(&agent)?.write_all(&std::process::id().to_le_bytes())?;
    let prepare = directory.join("swarm-executor-prepare");
    fs::hard_link(program("swarm-executor-prepare"), &prepare)?;
    let settings = engine.settings().to_string_lossy().into_owned();
    let prepare = Exec::new(prepare).args(["--settings".to_owned(), settings]);
    Ok(engine.runner(Protocol::V19).prepare(prepare))
}

/// The agent for containers, as the programs find it.
fn static_agent() -> std::path::PathBuf {
    let own = program(&format!("swarm-executor-agent-{}", std::env::consts::ARCH));
    if own.exists() { own } else { program("swarm-executor-agent") }
}

/// How many couriers a job has sent.
async fn couriers(watch: &ContainerWatch, job: &Job) -> Result<usize> {
    let name = format!("-{}-courier", job.id);
    let made = watch.containers().await?;
    Ok(made.iter().filter(|container| container.name.ends_with(&name)).count())
}

/// The volumes that aren't any job's.
async fn kept(engine: &Engine, role: &str) -> Result<Vec<String>> {
    let label = format!("--filter=label=swarm-executor.role={role}");
    let told = engine.node.docker(&["volume", "ls", "--format={{.Name}}", &label]).await?;
    Ok(told.lines().map(str::to_owned).collect())
}

#[tokio::test]
async fn the_agent_is_delivered_once_to_an_engine_and_stays() -> Result<()> {
    let scenario = Scenario::new()?;
    let lone = scenario.lone_engine()?;
    let engine = Engine::by_socket(lone, "")?;
    let cannot = |error| Failure::system("cannot make another agent").caused_by(error);
    // Links go no further than a file system.
    let beside = program("");
    let directory = TempDir::with_prefix_in("agent-", &beside).map_err(cannot)?;
    let runner = with_another_agent(&engine, directory.path()).map_err(cannot)?;
    let (before, watch) = (kept(&engine, "agent").await?, lone.watch_containers()?);
    for expected in [1, 0] {
        let mut job = scenario.plain("plain", "job:nonroot").script(["test -d /cache"]);
        job.project.id = job.id;
        let outcome = runner.play(&job, &Cancel::default(), |_| {}).await;
        assert!(outcome.is_success(), "{}", outcome.log_text());
        assert_eq!(couriers(&watch, &job).await?, expected, "{}", outcome.log_text());
        nothing_is_left(&engine, &job, &outcome.log_text()).await?;
        let cache = format!("-{}", job.project.id);
        let caches = kept(&engine, "cache").await?.into_iter();
        let caches: Vec<_> = caches.filter(|name| name.ends_with(&cache)).collect();
        assert_eq!(caches.len(), 1, "{caches:?}");
        lone.docker(&["volume", "rm", &caches[0]]).await?;
    }
    let after = kept(&engine, "agent").await?;
    let new: Vec<_> = after.iter().filter(|name| !before.contains(name)).collect();
    for name in &new {
        lone.docker(&["volume", "rm", name]).await?;
    }
    assert_eq!(new.len(), 1, "{new:?}");
    Ok(())
}

//! A project in a played GitLab, whose jobs are played in containers.

use job::Result;
use play::{Cancel, Event, Job, Outcome, Protocol};
use scenarios::{Engine, Left, Repository, Scenario, Served, left_by};
use testkit::coordinator::{Coordinator, JobHandle};

/// The example project, with a repository and a GitLab within reach of containers.
pub(crate) struct Project {
    pub(crate) gitlab: Coordinator,
    sources: Served,
    _repository: Repository,
}

impl Project {
    pub(crate) async fn new(scenario: &Scenario) -> Result<Self> {
        let repository = Repository::new()?;
        let sources = repository.serve(&scenario.swarm).await?;
        Ok(Self { gitlab: scenario.gitlab().await?, sources, _repository: repository })
    }

    /// The job as this GitLab hands it out, with the project's sources.
    pub(crate) fn submit(&self, job: Job) -> JobHandle {
        self.gitlab.submit(&self.sources.give(job))
    }
}

/// Plays the job to its end, after which nothing of it is left on runner machine and engine.
pub(crate) async fn play(engine: &Engine, protocol: Protocol, job: &Job) -> Result<Outcome> {
    play_watched(engine, protocol, job, &Cancel::default(), |_| {}).await
}

/// The same with somebody who watches, and may cancel.
pub(crate) async fn play_watched(
    engine: &Engine,
    protocol: Protocol,
    job: &Job,
    cancel: &Cancel,
    watch: impl FnMut(Event) + Send,
) -> Result<Outcome> {
    let outcome = engine.runner(protocol).play(job, cancel, watch).await;
    nothing_is_left(engine, job, &outcome.log_text()).await?;
    Ok(outcome)
}

/// The log of a job that succeeds, and says all of `expected`.
pub(crate) async fn succeeds(
    engine: &Engine,
    protocol: Protocol,
    job: &Job,
    expected: &[&str],
) -> Result<String> {
    let outcome = play(engine, protocol, job).await?;
    let (log, name) = (outcome.log_text(), &engine.node.name);
    assert!(outcome.is_success(), "{name} {protocol:?}: {log}");
    for said in expected {
        assert!(log.contains(said), "{name} {protocol:?}: {said:?} is not in: {log}");
    }
    Ok(log)
}

/// Nothing of the job is on this machine or on the engine.
pub(crate) async fn nothing_is_left(engine: &Engine, job: &Job, told: &str) -> Result<()> {
    assert_eq!(left_by(job), Left::default(), "{told}");
    assert_eq!(engine.left_by(job).await?, Vec::<String>::new(), "{told}");
    Ok(())
}

//! The same jobs, driven by a real gitlab-runner where one is on PATH.

use std::time::Duration;

use job::Result;
use play::{Job, Sources};
use scenarios::{ARTICLE, Left, Repository, Scenario, left_by_id, program};
use testkit::coordinator::gitlab_runner::{Executor, Real, Runner};
use testkit::coordinator::{Coordinator, State};
use testkit::wait::{Seen, until};

/// Long enough for the slowest job here on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// A real gitlab-runner with its GitLab, and the project that it clones.
struct RealRunner<'a> {
    scenario: &'a Scenario,
    coordinator: Coordinator,
    runner: Runner,
    repository: Repository,
}

impl<'a> RealRunner<'a> {
    /// Starts the one on PATH; says so where there is none.
    #[expect(clippy::print_stdout, reason = "a skipped test says so")]
    async fn start(scenario: &'a Scenario) -> Result<Option<Self>> {
        let Some(real) = Real::on_path().await? else {
            println!("SKIPPED: no gitlab-runner is on PATH");
            return Ok(None);
        };
        println!("gitlab-runner {}", real.version());
        let coordinator = Coordinator::start().await?;
        let stage = |name| program(&format!("swarm-executor-{name}"));
        let executor =
            Executor::new(stage("config"), stage("prepare"), stage("run"), stage("cleanup"));
        let runner = real.start(&coordinator, &executor)?;
        Ok(Some(Self { scenario, coordinator, runner, repository: Repository::new()? }))
    }

    /// The scenario's job, its sources cloned.
    fn job(&self, name: &str) -> Job {
        let mut job =
            self.scenario.job(name).sources(Sources::Clone { url: self.repository.url() });
        self.repository.branch().clone_into(&mut job.git.ref_name);
        self.repository.commit().clone_into(&mut job.git.sha);
        job
    }

    /// The article's script, deploying a stack that no other scenario deploys.
    fn article(&self) -> Job {
        self.job("article").script(ARTICLE.map(|line| line.replace("whoami", "real-article")))
    }
}

#[tokio::test]
async fn a_real_runner_plays_the_articles_job_in_both_forms() -> Result<()> {
    let scenario = Scenario::new()?;
    let Some(mut real) = RealRunner::start(&scenario).await? else { return Ok(()) };
    let article = real.coordinator.submit(&real.article());
    let short = real.job("short").script(["docker stack deploy -c production.yml real-short"]);
    let short = real.coordinator.submit(&short);
    for job in [&article, &short] {
        let end = job.finished(PATIENCE).await?;
        assert_eq!(end.state, State::Success, "{}", end.text());
        assert_eq!(left_by_id(job.id()), Left::default());
    }
    scenario.answers("real-article_hello", 2).await?;
    scenario.answers("real-short_hello", 2).await?;
    real.runner.stop(PATIENCE).await?;
    scenario.swarm.manager().docker(&["stack", "rm", "real-article", "real-short"]).await.map(drop)
}

#[tokio::test]
async fn a_real_runner_learns_the_scripts_exit_code_and_runs_after_script() -> Result<()> {
    let scenario = Scenario::new()?;
    let Some(real) = RealRunner::start(&scenario).await? else { return Ok(()) };
    let job = real.job("fails").script(["exit 3"]).after_script(["echo in after_script"]);
    let job = real.coordinator.submit(&job);
    let end = job.finished(PATIENCE).await?;
    assert_eq!(end.state, State::Failed);
    assert_eq!(end.failure_reason.as_deref(), Some("script_failure"), "{}", end.text());
    assert!(end.text().contains("in after_script"), "{}", end.text());
    assert_eq!(left_by_id(job.id()), Left::default());
    Ok(())
}

#[tokio::test]
async fn a_real_runner_cancels_a_script_and_nothing_is_left() -> Result<()> {
    let scenario = Scenario::new()?;
    let Some(real) = RealRunner::start(&scenario).await? else { return Ok(()) };
    // gitlab-runner hears of a cancel with the answer to the next piece of log.
    let job = real.job("long").script(["sleep 600 & while sleep 1; do echo tick; done"]);
    let job = real.coordinator.submit(&job);
    job.log_contains("tick", PATIENCE).await?;
    job.cancel();
    let end = job.finished(PATIENCE).await?;
    assert_eq!(end.state, State::Canceled, "{}", end.text());
    until("nothing to be left of the job", PATIENCE, async || match left_by_id(job.id()) {
        left if left == Left::default() => Seen::Ready(()),
        left => Seen::NotYet(format!("{left:?}")),
    })
    .await
}

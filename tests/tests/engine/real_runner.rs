//! Jobs in containers, driven by a real gitlab-runner where one is on PATH.

use std::time::Duration;

use job::Result;
use play::Job;
use scenarios::{ARTICLE, Engine, Left, SHORT, Scenario, left_by_id, program};
use testkit::coordinator::gitlab_runner::{Executor, Real, Runner};
use testkit::coordinator::{Finished, JobHandle, State};
use testkit::wait::{Seen, until};

use crate::jobs::{FIRST_SAYS, SECOND_SAYS, first, second};
use crate::project::Project;

/// Long enough for the slowest job here on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// A real gitlab-runner with its GitLab, whose jobs run on the cluster's engine.
struct RealRunner {
    project: Project,
    engine: Engine,
    version: String,
    runner: Runner,
}

impl RealRunner {
    /// Starts the one on PATH; says so where there is none.
    #[expect(clippy::print_stdout, reason = "a skipped test says so")]
    async fn start(scenario: &Scenario) -> Result<Option<Self>> {
        let Some(real) = Real::on_path().await? else {
            println!("SKIPPED: no gitlab-runner is on PATH");
            return Ok(None);
        };
        println!("gitlab-runner {}", real.version());
        let (project, engine) =
            (Project::new(scenario).await?, Engine::of_the_cluster(scenario, "")?);
        let stage = |name| program(&format!("swarm-executor-{name}"));
        let executor =
            Executor::new(stage("config"), stage("prepare"), stage("run"), stage("cleanup"))
                .arguments(["--settings".to_owned(), engine.settings().display().to_string()]);
        let runner = real.start(&project.gitlab, &executor)?;
        let version = real.version().to_owned();
        Ok(Some(Self { project, engine, version, runner }))
    }

    fn submit(&self, job: Job) -> JobHandle {
        self.project.submit(job)
    }

    /// The job's end, after which nothing of it is left on runner machine and engine.
    async fn end(&self, job: &JobHandle) -> Result<Finished> {
        let end = job.finished(PATIENCE).await?;
        // A runner cancelled by force says its last word before its cleanup.
        until("nothing to be left of the job", PATIENCE, async || {
            match (left_by_id(job.id()), self.engine.left_by(job.spec()).await) {
                (left, Ok(things)) if left == Left::default() && things.is_empty() => {
                    Seen::Ready(())
                }
                left => Seen::NotYet(format!("{left:?}")),
            }
        })
        .await?;
        Ok(end)
    }

    /// The same of a job that succeeds, and says all of this.
    async fn success(&self, job: &JobHandle, says: &[&str]) -> Result<()> {
        let end = self.end(job).await?;
        let log = end.text();
        assert_eq!(end.state, State::Success, "{log}");
        // Newer runners start each line with its time.
        for said in says.iter().flat_map(|said| said.trim().lines()) {
            assert!(log.contains(said), "{said:?} is not in: {log}");
        }
        Ok(())
    }

    /// Whether it reads the script's own exit code: 17.9 and later do.
    fn learns_exit_codes(&self) -> bool {
        self.version.split('.').next().and_then(|major| major.parse().ok()) > Some(17)
    }
}

#[tokio::test]
async fn plays_the_articles_job_in_both_forms_and_one_that_has_it_all() -> Result<()> {
    let scenario = Scenario::new()?;
    let Some(mut real) = RealRunner::start(&scenario).await? else { return Ok(()) };
    let stack = |stack: &'static str, script: &[&str]| {
        let script = script.iter().map(|line| line.replace("whoami", stack));
        real.submit(scenario.job(stack).script(script))
    };
    let article = stack("contained-article", &ARTICLE);
    let short = stack("contained-short", &SHORT);
    let earlier = real.submit(first(&scenario, "real"));
    real.success(&article, &[]).await?;
    real.success(&short, &[]).await?;
    scenario.answers("contained-article_hello", 2).await?;
    scenario.answers("contained-short_hello", 2).await?;
    real.success(&earlier, &FIRST_SAYS).await?;
    let later = real.submit(second(&scenario, "real", &earlier)?);
    real.success(&later, &SECOND_SAYS).await?;
    real.runner.stop(PATIENCE).await?;
    let stacks = ["stack", "rm", "contained-article", "contained-short"];
    scenario.swarm.manager().docker(&stacks).await.map(drop)
}

#[tokio::test]
async fn learns_of_a_failure_and_cancels() -> Result<()> {
    let scenario = Scenario::new()?;
    let Some(real) = RealRunner::start(&scenario).await? else { return Ok(()) };
    let fails = scenario.plain("fails", "job:nonroot").script(["echo fir''st\n(exit 3)\necho x"]);
    let fails = real.submit(fails.after_script(["echo in after''_script"]));
    // gitlab-runner hears of a cancel with the answer to the next piece of log.
    let long = scenario.plain("long", "job:sh");
    let long = real.submit(long.script(["sleep 600 & while sleep 1; do echo ti''ck; done"]));
    long.log_contains("tick", PATIENCE).await?;
    long.cancel();
    let end = real.end(&fails).await?;
    assert_eq!(end.state, State::Failed);
    assert_eq!(end.failure_reason.as_deref(), Some("script_failure"), "{}", end.text());
    assert!(end.text().contains("in after_script"), "{}", end.text());
    if real.learns_exit_codes() {
        assert_eq!(end.exit_code, Some(3), "{}", end.text());
    }
    let end = real.end(&long).await?;
    assert_eq!(end.state, State::Canceled, "{}", end.text());
    Ok(())
}

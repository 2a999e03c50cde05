//! A row of a table: one way to break a job, and the whole of what is then told.

use std::io;

use job::{Blame, Failure};
use play::{Cancel, Job, Outcome, Protocol, Runner, Status, Variable};
use scenarios::{Left, Scenario, errors, left_by, runner, runner_with, unfit};
use tempfile::TempPath;

/// How often gitlab-runner tries to prepare before a failure of the system fails the job.
pub(crate) const ATTEMPTS: usize = 3;

/// What is told doesn't depend on gitlab-runner's version.
pub(crate) const NEWEST: Protocol = Protocol::V19;

/// One way to break a job, whose fault that is, and what is told of it.
pub(crate) struct Row {
    job: Job,
    runner: Runner,
    blame: Blame,
    told: String,
}

/// A failure to prepare that is the job's.
pub(crate) fn jobs(job: Job, told: impl Into<String>) -> Row {
    Row { job, runner: runner(NEWEST), blame: Blame::Job, told: told.into() }
}

/// A failure to prepare that is the system's.
pub(crate) fn systems(job: Job, told: impl Into<String>) -> Row {
    Row { blame: Blame::System, ..jobs(job, told) }
}

impl Row {
    /// The same with arguments for every program.
    pub(crate) fn with(self, arguments: &[&str]) -> Self {
        Self { runner: runner_with(NEWEST, arguments), ..self }
    }

    pub(crate) async fn check(&self) -> Outcome {
        let outcome = self.runner.play(&self.job, &Cancel::default(), |_| {}).await;
        let (status, attempts) = match self.blame {
            Blame::Job => (Status::BuildFailure, 1),
            Blame::System => (Status::SystemFailure, ATTEMPTS),
        };
        assert_told(&self.job, &outcome, &self.told.repeat(attempts));
        assert_eq!(outcome.status, status, "{}", self.told);
        outcome
    }
}

pub(crate) async fn table(rows: Vec<Row>) {
    for row in rows {
        row.check().await;
    }
}

/// The job log tells this, nothing unfit for it, and nothing of the job is left.
pub(crate) fn assert_told(job: &Job, outcome: &Outcome, told: &str) {
    let log = outcome.log_text();
    assert_eq!(errors(&outcome.log), told, "{log}");
    assert_eq!(unfit(job, outcome), [""; 0], "{log}");
    assert_eq!(left_by(job), Left::default(), "{log}");
}

/// A job that deploys nothing, with these of its variables changed.
pub(crate) fn deploy(scenario: &Scenario, changed: &[(&str, &str)]) -> Job {
    let job = scenario.job("deploy").script(["true"]);
    changed.iter().fold(job, |job, (name, value)| job.variable(Variable::new(*name, *value).raw()))
}

/// The file's name, as an argument.
pub(crate) fn name(path: &TempPath) -> &str {
    path.to_str().unwrap_or_default()
}

/// This machine is short of something that a test needs.
pub(crate) fn cannot(error: io::Error) -> Failure {
    Failure::system("cannot set up the test").caused_by(error)
}

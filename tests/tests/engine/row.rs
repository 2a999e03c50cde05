//! A row of a table: one way to break a job in containers, and the whole of what is then told.

use job::{Blame, Result};
use play::{Cancel, Job, Outcome, Protocol, Status, Variable};
use scenarios::{Engine, Left, errors, left_by, unfit, warnings};

/// How often gitlab-runner tries to prepare before a failure of the system fails the job.
const ATTEMPTS: usize = 3;

/// What is told doesn't depend on gitlab-runner's version.
pub(crate) const NEWEST: Protocol = Protocol::V19;

/// Plays a job; nothing of it may be left, on the engine or on the runner machine, and nothing that is
/// unfit for a reader be told.
pub(crate) async fn play(engine: &Engine, job: &Job) -> Result<Outcome> {
    play_as(NEWEST, engine, job).await
}

pub(crate) async fn play_as(protocol: Protocol, engine: &Engine, job: &Job) -> Result<Outcome> {
    let outcome = engine.runner(protocol).play(job, &Cancel::default(), |_| {}).await;
    nothing_is_left(engine, job, &outcome).await?;
    Ok(outcome)
}

/// Nothing of the job is left anywhere, and nothing unfit for a reader was told of it.
pub(crate) async fn nothing_is_left(engine: &Engine, job: &Job, outcome: &Outcome) -> Result<()> {
    let log = outcome.log_text();
    assert_eq!(unfit(job, outcome), [""; 0], "{log}");
    assert_eq!(left_by(job), Left::default(), "{log}");
    assert_eq!(engine.left_by(job).await?, Vec::<String>::new(), "{log}");
    Ok(())
}

/// The job fails while it is prepared; the job's failure is told once, the system's with every
/// attempt.
pub(crate) async fn fails(
    engine: &Engine,
    job: &Job,
    blame: Blame,
    told: impl AsRef<str>,
) -> Result<Outcome> {
    let outcome = play(engine, job).await?;
    assert_failed(&outcome, blame, told.as_ref());
    Ok(outcome)
}

/// The outcome is that of a job that failed so while it was prepared.
pub(crate) fn assert_failed(outcome: &Outcome, blame: Blame, told: &str) {
    let (status, attempts) = match blame {
        Blame::Job => (Status::BuildFailure, 1),
        Blame::System => (Status::SystemFailure, ATTEMPTS),
    };
    let log = outcome.log_text();
    assert_eq!(errors(&outcome.log), told.repeat(attempts), "{log}");
    assert_eq!(outcome.status, status, "{log}");
}

/// A variable with a value that is taken literally.
pub(crate) fn set(job: Job, name: &str, value: &str) -> Job {
    job.variable(Variable::new(name, value).raw())
}

/// What the reader is warned of, but for what depends on where `/run` of this machine is.
pub(crate) fn warned(outcome: &Outcome) -> String {
    let told = warnings(&outcome.log);
    let lines = told.split_inclusive('\n').filter(|line| !line.starts_with("certificates go to"));
    lines.collect()
}

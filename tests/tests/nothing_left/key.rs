//! The key's bytes, looked for on the whole machine.

use std::path::Path;
use std::time::{Duration, SystemTime};

use futures::future::join_all;
use job::Result;
use play::{Cancel, Job, Protocol, Runner, Signal, Status, Variable};
use scenarios::{Moment, PROTOCOLS, Scenario, at, runner, settings};
use testkit::search::SecretKey;

use crate::story::{BUSY, SAY_BUSY, article, assert_nothing_left, job, keeping, runner_by};

/// What the project's variables of type file are copied to, as those of the article's job are echoed.
const COPIES: [&str; 4] = [
    "export DOCKER_CERT_PATH=certs",
    "mkdir $DOCKER_CERT_PATH",
    "cp $DEPLOY_KEY $DOCKER_CERT_PATH/key.pem",
    "cp $DEPLOY_KEY $DOCKER_CERT_PATH/cert.pem",
];

/// How a job comes to its end.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Success,
    Failure,
    Cancel,
    Timeout,
    Kill,
}

impl End {
    const ALL: [Self; 5] = [Self::Success, Self::Failure, Self::Cancel, Self::Timeout, Self::Kill];

    /// The last lines of a script that comes to this end.
    fn lines(self) -> &'static [&'static str] {
        match self {
            Self::Success => &["docker version"],
            Self::Failure => &["docker stack deploy -c missing.yml whoami"],
            Self::Cancel | Self::Timeout | Self::Kill => &[SAY_BUSY, "sleep 1000"],
        }
    }

    /// Plays `job` to this end.
    async fn play(self, runner: &Runner, job: &Job) {
        let cancel = Cancel::default();
        let watch = at(Moment::Said(BUSY), |run| match self {
            Self::Cancel => cancel.cancel(),
            Self::Kill => run.signal(Signal::SIGKILL).unwrap(),
            Self::Success | Self::Failure | Self::Timeout => {}
        });
        let outcome = runner.play(job, &cancel, watch).await;
        let log = outcome.log_text();
        let came = match outcome.status {
            Status::Success => Self::Success,
            Status::ScriptFailure(_) | Status::BuildFailure => Self::Failure,
            Status::Cancelled => Self::Cancel,
            Status::TimedOut => Self::Timeout,
            Status::Unknown | Status::SystemFailure => Self::Kill,
        };
        assert_eq!(came, self, "{log}");
        assert_eq!(log.contains(BUSY), self.lines()[0] == SAY_BUSY, "{log}");
        assert_nothing_left(job, &log);
    }
}

/// The article's job with its echoes, and one with a variable of type file; both come to `end`.
fn jobs(scenario: &Scenario, end: End) -> [Job; 2] {
    let timeout = Duration::from_secs(if end == End::Timeout { 6 } else { 3600 });
    let key = &scenario.credentials.identity.key;
    let copies = [&COPIES, end.lines()].concat();
    let files = job(scenario, &copies).variable(Variable::file("DEPLOY_KEY", key));
    [job(scenario, &article(end.lines())), files].map(|job| job.timeout(timeout))
}

/// Plays both jobs to `end` with either protocol, in a build directory that goes with them and in
/// one that stays, all at once.
async fn play_all(scenario: &Scenario, end: End, kept: &Path) -> Result<()> {
    let mut plays = Vec::new();
    for protocol in PROTOCOLS {
        for job in jobs(scenario, end) {
            plays.push((runner(protocol), job, None));
        }
        for job in jobs(scenario, end) {
            let keeps = settings(&keeping(&kept.join(job.id.to_string())))?;
            plays.push((runner_by(protocol, &keeps), job, Some(keeps)));
        }
    }
    join_all(plays.iter().map(|(runner, job, _)| end.play(runner, job))).await;
    Ok(())
}

/// Longest that two clocks of one machine differ.
const TICK: Duration = Duration::from_secs(1);

#[tokio::test]
async fn is_nowhere_whatever_became_of_the_job() -> Result<()> {
    let scenario = Scenario::new()?;
    let before = SystemTime::now() - TICK;
    let kept = tempfile::tempdir().unwrap();
    for end in End::ALL {
        play_all(&scenario, end, kept.path()).await?;
    }
    assert_eq!(kept.path().read_dir().unwrap().count(), 4 * End::ALL.len(), "kept directories");
    let key = SecretKey::of(&scenario.credentials.identity.key)?;
    assert_eq!(key.holders(before), [""; 0].map(Path::new));
    Ok(())
}

/// The search finds what is there, or the test above would prove nothing.
#[tokio::test]
async fn is_found_while_there_was_no_cleanup() -> Result<()> {
    let scenario = Scenario::new()?;
    let before = SystemTime::now() - TICK;
    let mut runner = runner(Protocol::V19);
    let cleanup = runner.cleanup.take();
    let [job, _] = jobs(&scenario, End::Failure);
    runner.play(&job, &Cancel::default(), |_| {}).await;
    let found = SecretKey::of(&scenario.credentials.identity.key)?.holders(before);
    let names = |path: &Path| path.file_name().unwrap_or_default().to_owned();
    assert_eq!(found.iter().map(|path| names(path)).collect::<Vec<_>>(), ["key.pem", "key.pem"]);
    runner.cleanup = cleanup;
    runner.clean_up(&job, |_| {}).await;
    assert_nothing_left(&job, "after the cleanup");
    Ok(())
}

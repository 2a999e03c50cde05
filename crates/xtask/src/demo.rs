//! `cargo xtask demo`: the deploy job of `examples/whoami` on a swarm of three real engines: in both
//! forms on the runner machine, as the article has it, with image and service, in containers, and an
//! update that fails.
//!
//! What a person sees: the swarm coming up, each job's log as GitLab would show it, an answer of
//! the deployed service, every container that an engine was asked for, a search of the whole machine
//! for the client key, and everything taken down again, after Ctrl-C as well.

mod player;
mod watched;

use std::path::Path;
use std::pin::pin;
use std::time::{Duration, SystemTime};

use job::{Failure, Result};
use testkit::images;
use testkit::nodes::{Swarm, SwarmHandle, SwarmOptions};
use testkit::pki::Identity;
use testkit::search::SecretKey;
use testkit::wait::{Seen, until};
use tokio_util::sync::CancellationToken;

use crate::cargo::{self, Profile};
use crate::say;
use player::Player;
use watched::Watched;

/// The article's form of the job, the short one, and one that gives the service another image.
const ARTICLE: &str = ".gitlab-ci.yml";
const SHORT: &str = "short.gitlab-ci.yml";
const UPDATE: &str = "update.gitlab-ci.yml";

/// Longest wait for a job that was interrupted: after a stage's end by SIGTERM or, ten seconds
/// later, by SIGKILL, `after_script` and cleanup still run.
const JOBS_END: Duration = Duration::from_mins(1);

pub(crate) async fn run() -> Result<()> {
    let programs = cargo::build(Profile::Dev)?;
    say("1. a swarm: one manager and two workers, each a real engine with mutual TLS");
    let swarm = Swarm::start(SwarmOptions::default()).await?;
    let shown = until_interrupted(&swarm, &programs).await;
    say("taking everything down");
    swarm.stop().await.and(shown)
}

/// Ctrl-C reaches the played job too, which then cleans up: its end is waited for, or the cluster
/// and the job's files would go from under it. Everything else is left at once.
async fn until_interrupted(swarm: &SwarmHandle, programs: &Path) -> Result<()> {
    let interrupted = CancellationToken::new();
    let mut shown = pin!(show(swarm, programs, &interrupted));
    tokio::select! {
        shown = &mut shown => return shown,
        _ = tokio::signal::ctrl_c() => interrupted.cancel(),
    }
    if tokio::time::timeout(JOBS_END, shown).await.is_err() {
        say("the job that was interrupted does not end");
    }
    Err(Failure::system("interrupted"))
}

async fn show(swarm: &SwarmHandle, programs: &Path, interrupted: &CancellationToken) -> Result<()> {
    unless(interrupted, furnish(swarm)).await?;
    let began = SystemTime::now();
    let client = swarm.client()?;
    let player = Player::new(programs, swarm.manager().endpoint(), &client)?;
    let watched = Watched::begin(swarm)?;
    say("2. the deploy job as people write it today, which brings its certificates along");
    player.play(ARTICLE, player::ON_HOST).await?;
    unless(interrupted, ask(swarm)).await?;
    say("3. the same job in one line, with the certificates left to swarm-executor");
    player.play(SHORT, player::ON_HOST).await?;
    unless(interrupted, ask(swarm)).await?;
    say("4. the same job with its image and docker-in-docker service, in containers, by");
    player::CONTAINERS.lines().for_each(|line| say(&format!("     {line}")));
    unless(interrupted, undo(swarm)).await?;
    player.play(ARTICLE, player::IN_CONTAINERS).await?;
    unless(interrupted, ask(swarm)).await?;
    say("5. a version that never becomes healthy: the swarm rolls back, and the job says so");
    player.fail(UPDATE, "IMAGE=whoami:unhealthy").await?;
    unless(interrupted, ask(swarm)).await?;
    say("6. every container that the three engines were asked for meanwhile");
    unless(interrupted, watched.tell()).await?;
    say("7. what is left of the client key on this machine");
    unless(interrupted, search(&client, began)).await
}

async fn unless(
    interrupted: &CancellationToken,
    step: impl Future<Output = Result<()>>,
) -> Result<()> {
    let done = interrupted.run_until_cancelled(step).await;
    done.unwrap_or_else(|| Err(Failure::system("interrupted")))
}

/// What the job expects to find in the swarm.
async fn furnish(swarm: &SwarmHandle) -> Result<()> {
    swarm.load(&images::all().await?).await?;
    let network = ["network", "create", "--driver", "overlay", "flix"];
    swarm.manager().docker(&network).await.map(drop)
}

/// Takes the stack away, so that the next job really deploys it.
async fn undo(swarm: &SwarmHandle) -> Result<()> {
    swarm.manager().docker(&["stack", "rm", "whoami"]).await?;
    answers(swarm, 0).await.map(drop)
}

async fn ask(swarm: &SwarmHandle) -> Result<()> {
    for answer in answers(swarm, 2).await? {
        say(&format!("whoami_hello answers: {}", answer.trim()));
    }
    Ok(())
}

/// The answers of the service, when there are as many as that.
async fn answers(swarm: &SwarmHandle, count: usize) -> Result<Vec<String>> {
    let what = format!("{count} answers of the service");
    until(&what, Duration::from_mins(1), async || {
        match swarm.ask("whoami_hello", images::WHOAMI_PORT).await {
            Ok(answers) if answers.len() == count => Seen::Ready(answers),
            Ok(answers) => Seen::NotYet(format!("{} answers", answers.len())),
            Err(failure) => Seen::NotYet(failure.render()),
        }
    })
    .await
}

async fn search(client: &Identity, began: SystemTime) -> Result<()> {
    let key = SecretKey::of(&client.key)?;
    let holders = tokio::task::spawn_blocking(move || key.holders(began));
    let holders =
        holders.await.map_err(|error| Failure::system("the search was lost").caused_by(error))?;
    if holders.is_empty() {
        say("nothing: no file holds it, nor any process's environment or command line");
        return Ok(());
    }
    let list: Vec<_> = holders.iter().map(|path| path.display().to_string()).collect();
    Err(Failure::system(format!("the key was left in {}", list.join(", "))))
}

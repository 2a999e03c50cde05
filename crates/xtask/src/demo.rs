//! `cargo xtask demo`: the deploy job of `examples/whoami`, in both forms, on a swarm of three real
//! engines.
//!
//! What a person sees: the swarm coming up, each job's log as GitLab would show it, an answer of
//! the deployed service, a search of the whole machine for the client key, and everything taken
//! down again, after Ctrl-C as well.

use std::fs;
use std::path::Path;
use std::pin::pin;
use std::time::{Duration, SystemTime};

use job::{Failure, Result};
use tempfile::TempDir;
use testkit::images;
use testkit::nodes::{Swarm, SwarmHandle, SwarmOptions};
use testkit::pki::Identity;
use testkit::search::SecretKey;
use testkit::wait::{Seen, until};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::cargo::{self, Profile};
use crate::say;

/// The job's variables that hold a file of a credentials directory.
const VARIABLES: [(&str, &str); 3] = [
    ("DOCKER_MACHINE_CA", "ca.pem"),
    ("DOCKER_MACHINE_CLIENT_CERT", "cert.pem"),
    ("DOCKER_MACHINE_CLIENT_KEY", "key.pem"),
];

const JOB: &str = "docker deploy";

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
    let project = project()?;
    say("2. the deploy job as people write it today, which brings its certificates along");
    deploy(swarm, &client, programs, &project.path().join(".gitlab-ci.yml")).await?;
    unless(interrupted, ask(swarm)).await?;
    say("3. the same job in one line, with the certificates left to swarm-executor");
    deploy(swarm, &client, programs, &project.path().join("short.gitlab-ci.yml")).await?;
    unless(interrupted, ask(swarm)).await?;
    say("4. what is left of the client key on this machine");
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

/// A copy of the example project, for the jobs to work on.
fn project() -> Result<TempDir> {
    let example = cargo::workspace().join("examples/whoami");
    let copy = || {
        let directory = tempfile::tempdir()?;
        for file in [".gitlab-ci.yml", "short.gitlab-ci.yml", "production.yml"] {
            fs::copy(example.join(file), directory.path().join(file))?;
        }
        Ok(directory)
    };
    copy().map_err(|error: std::io::Error| {
        Failure::system("cannot copy the example project").caused_by(error)
    })
}

/// Plays the job, with the variables as a project would have them in GitLab.
async fn deploy(
    swarm: &SwarmHandle,
    client: &Identity,
    programs: &Path,
    file: &Path,
) -> Result<()> {
    let unusable = |error| Failure::system("cannot play the job").caused_by(error);
    let credentials = tempfile::tempdir().map_err(unusable)?;
    client.write_to(credentials.path())?;
    let mut player = Command::new(programs.join("swarm-executor"));
    player.arg("try");
    player.arg("--variable").arg(format!("DOCKER_SWARM_MASTER={}", swarm.manager().endpoint()));
    for (name, file) in VARIABLES {
        let path = credentials.path().join(file);
        player.arg("--variable-file").arg(format!("{name}={}", path.display()));
    }
    let status = player.arg(file).arg(JOB).status().await.map_err(unusable)?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::system(format!("the job failed: {status}")))
    }
}

async fn ask(swarm: &SwarmHandle) -> Result<()> {
    let answers = until("two answers of the service", Duration::from_mins(1), async || match swarm
        .ask("whoami_hello", images::WHOAMI_PORT)
        .await
    {
        Ok(answers) if answers.len() == 2 => Seen::Ready(answers),
        Ok(answers) => Seen::NotYet(format!("{} answers", answers.len())),
        Err(failure) => Seen::NotYet(failure.render()),
    })
    .await?;
    for answer in answers {
        say(&format!("whoami_hello answers: {}", answer.trim()));
    }
    Ok(())
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

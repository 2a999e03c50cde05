//! `cargo xtask demo`: the article's deploy job, in both forms, on a swarm of three real engines.
//!
//! What a person sees: the swarm coming up, each job's log as GitLab would show it, an answer of
//! the deployed service, a search of the whole machine for the client key, and everything taken
//! down again, after Ctrl-C as well.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use job::{Failure, Result};
use tempfile::TempDir;
use testkit::images;
use testkit::nodes::{Swarm, SwarmHandle, SwarmOptions};
use testkit::pki::Identity;
use testkit::wait::{Seen, until};
use tokio::process::Command;

use crate::cargo::{self, Profile};
use crate::say;

/// The article's four variables, and the file of a credentials directory that each one holds.
const VARIABLES: [(&str, &str); 3] = [
    ("DOCKER_MACHINE_CA", "ca.pem"),
    ("DOCKER_MACHINE_CLIENT_CERT", "cert.pem"),
    ("DOCKER_MACHINE_CLIENT_KEY", "key.pem"),
];

const JOB: &str = "docker deploy";

pub(crate) async fn run() -> Result<()> {
    let programs = cargo::build(Profile::Dev)?;
    say("1. a swarm: one manager and two workers, each a real engine with mutual TLS");
    let swarm = Swarm::start(SwarmOptions::default()).await?;
    let shown = tokio::select! {
        shown = show(&swarm, &programs) => shown,
        _ = tokio::signal::ctrl_c() => Err(Failure::system("interrupted")),
    };
    say("taking everything down");
    swarm.stop().await.and(shown)
}

async fn show(swarm: &SwarmHandle, programs: &Path) -> Result<()> {
    swarm.load(&images::all().await?).await?;
    let network = ["network", "create", "--driver", "overlay", "flix"];
    swarm.manager().docker(&network).await?;
    let began = SystemTime::now();
    let client = swarm.client()?;
    let project = project()?;
    say("2. the article's own job, which brings its certificates along");
    deploy(swarm, &client, programs, &project.path().join(".gitlab-ci.yml")).await?;
    ask(swarm).await?;
    say("3. the same job in one line, with the certificates left to swarm-executor");
    deploy(swarm, &client, programs, &project.path().join("short.gitlab-ci.yml")).await?;
    ask(swarm).await?;
    say("4. what is left of the client key on this machine");
    search(&client, began).await
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

/// Plays the job, with the variables as a project would have them in GitLab. Ctrl-C reaches the
/// player too, which then cancels the job and cleans up.
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
    let needle = testkit::search::body_of(&client.key);
    let holders = tokio::task::spawn_blocking(move || testkit::search::holders(&needle, began));
    let holders =
        holders.await.map_err(|error| Failure::system("the search was lost").caused_by(error))?;
    if holders.is_empty() {
        say("nothing: no file, no process holds it");
        return Ok(());
    }
    let list: Vec<_> = holders.iter().map(|path| path.display().to_string()).collect();
    Err(Failure::system(format!("the key was left in {}", list.join(", "))))
}

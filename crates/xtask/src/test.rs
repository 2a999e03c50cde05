//! `cargo xtask test`: every test.
//!
//! First those of the crates, which bring what they need; then the scenarios, whole jobs on one
//! swarm that is started for all of them.

use clap::Args;
use job::{Failure, Result};
use testkit::coordinator::gitlab_runner::Real;
use testkit::images;
use testkit::nodes::{Swarm, SwarmHandle, SwarmOptions, VARIABLE};

use crate::cargo::{self, Profile};
use crate::say;

/// The packages of each part, as cargo is told.
const CRATES: [&str; 3] = ["--workspace", "--exclude", "scenarios"];
const SCENARIOS: [&str; 2] = ["--package", "scenarios"];

#[derive(Args)]
pub(crate) struct Arguments {
    /// Run only the scenarios
    #[arg(long)]
    scenarios: bool,
    /// Run only tests whose name contains this
    filter: Option<String>,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let filter = arguments.filter.as_deref();
    let has_tests = |part| filter.map_or(Ok(true), |filter| cargo::has_tests(part, filter));
    let crates = !arguments.scenarios && has_tests(&CRATES)?;
    let scenarios = has_tests(&SCENARIOS)?;
    if !crates && !scenarios {
        let filter = filter.unwrap_or_default();
        return Err(Failure::system(format!("no test has `{filter}` in its name")));
    }
    cargo::build(Profile::Dev)?;
    if crates {
        cargo::test(&CRATES, filter, &[])?;
    }
    if scenarios { on_a_swarm(filter).await } else { Ok(()) }
}

/// Ctrl-C ends the tests too: they are in the terminal's process group. The swarm goes either way.
async fn on_a_swarm(filter: Option<&str>) -> Result<()> {
    let real = Real::on_path().await?;
    say("starting a swarm of one manager and two workers, and an engine in no swarm");
    let options = SwarmOptions { lone_engines: 1, ..SwarmOptions::default() };
    let swarm = Swarm::start(options).await?;
    let tested = tokio::select! {
        tested = scenarios(&swarm, filter) => tested,
        _ = tokio::signal::ctrl_c() => Err(Failure::system("interrupted")),
    };
    let stopped = swarm.stop().await;
    if real.is_none() {
        say("no gitlab-runner is on PATH: the scenarios with a real one were SKIPPED");
    }
    stopped.and(tested)
}

async fn scenarios(swarm: &SwarmHandle, filter: Option<&str>) -> Result<()> {
    swarm.load(&images::all().await?).await?;
    swarm.manager().docker(&["network", "create", "--driver", "overlay", "flix"]).await?;
    let description = swarm.description();
    let filter = filter.map(str::to_owned);
    let tests = tokio::task::spawn_blocking(move || {
        let variables = [(VARIABLE, description.as_path())];
        cargo::test(&SCENARIOS, filter.as_deref(), &variables)
    });
    tests.await.map_err(|error| Failure::system("the tests were lost").caused_by(error))?
}

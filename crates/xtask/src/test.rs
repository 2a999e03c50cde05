//! `cargo xtask test`: every test.
//!
//! First those of the crates, which bring what they need; then the scenarios, whole jobs on one
//! swarm that is started for all of them.

use clap::Args;
use job::{Failure, Result};
use testkit::coordinator::gitlab_runner::Real;
use testkit::images;
use testkit::nodes::{Swarm, SwarmOptions, VARIABLE};

use crate::cargo::{self, Profile};
use crate::say;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Run only the scenarios
    #[arg(long)]
    scenarios: bool,
    /// Run only tests whose name contains this
    filter: Option<String>,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    cargo::build(Profile::Dev)?;
    let filter = arguments.filter.as_deref();
    if !arguments.scenarios {
        cargo::test(&["--workspace", "--exclude", "scenarios"], filter, &[])?;
    }
    on_a_swarm(filter).await
}

/// Ctrl-C ends the tests too: they are in the terminal's process group. The swarm goes either way.
async fn on_a_swarm(filter: Option<&str>) -> Result<()> {
    say("starting a swarm of one manager and two workers, and an engine in no swarm");
    let options = SwarmOptions { lone_engines: 1, ..SwarmOptions::default() };
    let swarm = Swarm::start(options).await?;
    swarm.load(&images::all().await?).await?;
    swarm.manager().docker(&["network", "create", "--driver", "overlay", "flix"]).await?;
    if Real::on_path().await?.is_none() {
        say("no gitlab-runner is on PATH: the scenarios with a real one are SKIPPED");
    }
    let description = swarm.description();
    let filter = filter.map(str::to_owned);
    let tests = tokio::task::spawn_blocking(move || {
        let variables = [(VARIABLE, description.as_path())];
        cargo::test(&["--package", "scenarios"], filter.as_deref(), &variables)
    });
    let tested = tokio::select! {
        tested = tests => tested.unwrap_or_else(|error| {
            Err(Failure::system("the tests were lost").caused_by(error))
        }),
        _ = tokio::signal::ctrl_c() => Err(Failure::system("interrupted")),
    };
    swarm.stop().await.and(tested)
}

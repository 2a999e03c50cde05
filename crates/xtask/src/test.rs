//! `cargo xtask test`: every test.
//!
//! First those of the crates, which bring what they need; then the scenarios, whole jobs on one
//! swarm that is started for all of them.

use std::collections::BTreeMap;

use clap::Args;
use job::{Failure, Result};
use testkit::coordinator::gitlab_runner::Real;
use testkit::images;
use testkit::nodes::{SUITE, Swarm, SwarmHandle, SwarmOptions, VARIABLE, fetch_newest_engine};

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
        cargo::test(&CRATES, "default", filter, &[])?;
    }
    if scenarios { on_a_swarm(filter).await } else { Ok(()) }
}

/// Ctrl-C ends the tests too: they are in the terminal's process group. The swarm goes either way.
async fn on_a_swarm(filter: Option<&str>) -> Result<()> {
    let real = Real::on_path().await?;
    say(&format!("looking for the newest engine in Debian's suite {SUITE}"));
    let newest = fetch_newest_engine().await;
    say("starting a swarm of one manager and two workers, and engines in no swarm");
    let newest_engines = newest.is_ok().into();
    let options = SwarmOptions { lone_engines: 1, newest_engines, ..SwarmOptions::default() };
    let swarm = Swarm::start(options).await?;
    let tested = tokio::select! {
        tested = scenarios(&swarm, filter) => tested,
        _ = tokio::signal::ctrl_c() => Err(Failure::system("interrupted")),
    };
    let versions = versions(&swarm).await;
    let stopped = swarm.stop().await;
    say(&format!("the scenarios ran on Docker Engine {}", versions?));
    if real.is_none() {
        say("no gitlab-runner is on PATH: the scenarios with a real one were SKIPPED");
    }
    if let Err(failure) = newest {
        say(&failure.render());
        say("WITHOUT the newest engine: the scenarios on it were SKIPPED");
    }
    stopped.and(tested)
}

/// Which version each engine has.
async fn versions(swarm: &SwarmHandle) -> Result<String> {
    let mut versions: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for node in swarm.nodes() {
        versions.entry(node.engine_version().await?).or_default().push(&node.name);
    }
    let told = versions.iter().map(|(version, nodes)| format!("{version} ({})", nodes.join(", ")));
    Ok(told.collect::<Vec<_>>().join(" and "))
}

async fn scenarios(swarm: &SwarmHandle, filter: Option<&str>) -> Result<()> {
    swarm.load(&images::all().await?).await?;
    swarm.manager().docker(&["network", "create", "--driver", "overlay", "flix"]).await?;
    let description = swarm.description();
    let filter = filter.map(str::to_owned);
    let tests = tokio::task::spawn_blocking(move || {
        let variables = [(VARIABLE, description.as_path())];
        cargo::test(&SCENARIOS, "scenarios", filter.as_deref(), &variables)
    });
    tests.await.map_err(|error| Failure::system("the tests were lost").caused_by(error))?
}

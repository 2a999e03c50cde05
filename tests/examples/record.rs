//! Records what a real swarm shows of each row of `scenarios::rollouts`, as fixtures for tests of the
//! judgement: `cargo run -p scenarios --example record [ROW...]`, as root.
//!
//! Starts a swarm of its own, plays each row without any job, and looks at the one service four times
//! a second. `crates/rollout/tests/histories/README.md` says how a history is written.

#[path = "record/history.rs"]
mod history;
#[path = "record/look.rs"]
mod look;

use std::process::ExitCode;

use futures::StreamExt;
use job::{Failure, Result};
use scenarios::rollouts::{ALONE, Row, SHARED, Stack};
use testkit::images;
use testkit::nodes::{Node, Swarm, SwarmHandle, SwarmOptions};
use tokio::runtime::Runtime;

use history::History;

/// So many rows are played at once: more, and the machine's slowness would be all that is recorded.
const AT_ONCE: usize = 3;

#[expect(clippy::print_stderr, reason = "this is the program's edge")]
fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", failure.render());
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let runtime = Runtime::new()
        .map_err(|error| Failure::system("cannot start a runtime").caused_by(error))?;
    runtime.block_on(record(&names))
}

async fn record(names: &[String]) -> Result<()> {
    let swarm = Swarm::start(SwarmOptions { managers: 3, ..SwarmOptions::default() }).await?;
    swarm.load(&images::for_rollouts().await?).await?;
    swarm.manager().docker(&["network", "create", "--driver", "overlay", "flix"]).await?;
    let wanted = |rows: &'static [Row]| {
        let asked_for = |row: &&Row| names.is_empty() || names.iter().any(|name| name == row.name);
        rows.iter().filter(asked_for).collect::<Vec<_>>()
    };
    let shared = wanted(SHARED).into_iter().map(|row| one(&swarm, row));
    let recorded: Vec<_> = futures::stream::iter(shared).buffer_unordered(AT_ONCE).collect().await;
    recorded.into_iter().collect::<Result<()>>()?;
    for row in wanted(ALONE) {
        one(&swarm, row).await?;
    }
    swarm.stop().await
}

#[expect(clippy::print_stderr, reason = "tells a person how far it is")]
async fn one(swarm: &SwarmHandle, row: &'static Row) -> Result<()> {
    let stack = Stack::new(row);
    let manager = follower(swarm).await?;
    let result = async {
        stack.set(swarm, manager).await?;
        let history = History::of(swarm, manager, &stack).await?;
        history.write()
    }
    .await;
    match &result {
        Ok(size) => eprintln!("{}: {size} bytes", row.name),
        Err(failure) => eprintln!("{}: {}", row.name, failure.render()),
    }
    stack.clear(swarm, manager).await?;
    result.map(drop)
}

/// A manager that will be there when the leader is killed.
async fn follower(swarm: &SwarmHandle) -> Result<&Node> {
    let leader = swarm.leader().await?;
    let mut others = swarm.managers().filter(|manager| manager.name != leader.name);
    others.next().ok_or_else(|| Failure::system("there is one manager only"))
}

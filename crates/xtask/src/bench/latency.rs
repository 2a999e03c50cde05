//! Small questions: whole docker commands, and single requests on a connection that is kept.
//!
//! The job waits in its script while the commands come from here, so that both ways are asked from
//! the same place.

use std::process::Stdio;

use job::{Failure, Result};
use tokio::process::Command;

use super::client::Client;
use super::jobs::{Jobs, Placement, Waiting};
use super::pairs::{Pairs, Short};
use super::table::{Aim, Row};

/// How many times as long as direct it may take.
const LIMIT: f64 = 1.15;

const COMMANDS: [&[&str]; 3] = [&["version"], &["ps", "--all"], &["service", "ls"]];
const REQUESTS: [&str; 3] = ["/_ping", "/containers/json?all=1", "/info"];

pub(crate) async fn measure(jobs: &Jobs, commands: usize, requests: usize) -> Result<Vec<Row>> {
    jobs.waiting(&jobs.runner(Placement::Host), jobs.job(&[]), async |waiting| {
        let mut rows = Vec::new();
        for arguments in COMMANDS {
            rows.push(command(jobs, waiting, arguments, commands).await?);
        }
        let direct = Client::direct(&jobs.endpoint, &jobs.client).await?;
        let through = Client::through(waiting.socket()).await?;
        for path in REQUESTS {
            let pairs = Pairs::take(
                requests,
                async || direct.get(path).await,
                async || through.get(path).await,
            );
            rows.push(row(format!("GET {path}, connection kept"), &pairs.await?));
        }
        Ok(rows)
    })
    .await
}

async fn command(jobs: &Jobs, waiting: &Waiting, arguments: &[&str], count: usize) -> Result<Row> {
    let pairs = Pairs::take(
        count,
        async || quietly(jobs.docker_direct().args(arguments)).await,
        async || quietly(waiting.docker().args(arguments)).await,
    );
    Ok(row(format!("docker {}", arguments.join(" ")), &pairs.await?))
}

/// Runs a docker command whose output nobody needs.
pub(crate) async fn quietly(command: &mut Command) -> Result<()> {
    successfully(command.stdout(Stdio::null())).await
}

/// Runs a docker command to its end, which must be a success.
pub(crate) async fn successfully(command: &mut Command) -> Result<()> {
    let wrap = |error| Failure::system("cannot start docker").caused_by(error);
    let status = command.kill_on_drop(true).status().await.map_err(wrap)?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::system(format!("a docker command that is measured failed: {status}")))
}

fn row(what: String, pairs: &Pairs) -> Row {
    let ratio = pairs.ratio();
    Row {
        what,
        plain: pairs.plain().milliseconds(),
        ours: pairs.ours().milliseconds(),
        figure: format!("{}×, adds {} ms", Short(ratio), Short(pairs.added() * 1e3)),
        aim: Some(Aim { words: "≤ 1.15×", met: ratio <= LIMIT }),
    }
}

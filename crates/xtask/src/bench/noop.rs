//! A job that does nothing: `script: [true]` with `GIT_STRATEGY: none`.

use std::time::{Duration, Instant};

use job::Result;
use play::Runner;

use super::jobs::{Jobs, Placement};
use super::pairs::Pairs;
use super::scripts;
use super::stages::{self, Stages, Took};
use super::table::{Aim, Row};

/// What the whole job may add, in seconds.
const LIMIT: f64 = 0.150;

/// Plays the job with trivial scripts and with the four programs in turns.
pub(crate) async fn measure(jobs: &Jobs, count: usize) -> Result<Vec<Row>> {
    let plain = scripts::runner(jobs.directory())?;
    let ours = jobs.runner(Placement::Host);
    let (mut whole, mut stages) = (Pairs::default(), Stages::default());
    for warm in [false].into_iter().chain(std::iter::repeat_n(true, count)) {
        let (plain, plain_took) = played(jobs, &plain).await?;
        let (ours, ours_took) = played(jobs, &ours).await?;
        if warm {
            whole.add(plain_took, ours_took);
            stages.add(&plain, &ours);
        }
    }
    let mut rows: Vec<_> = stages.rows().collect();
    let name = format!("no-op job, {} stages", rows.len());
    let aim = Aim { words: "adds < 150 ms", met: whole.added() < LIMIT };
    rows.insert(0, Row { aim: Some(aim), ..stages::row(name, &whole) });
    Ok(rows)
}

async fn played(jobs: &Jobs, runner: &Runner) -> Result<(Took, Duration)> {
    let job = jobs.job(&["true"]);
    let began = Instant::now();
    let outcome = jobs.play(runner, &job, |_| {}).await?;
    Ok((stages::took(&outcome), began.elapsed()))
}

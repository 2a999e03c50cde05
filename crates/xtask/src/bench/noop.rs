//! A job that does nothing: `script: [true]` with `GIT_STRATEGY: none`.

use std::time::{Duration, Instant};

use job::Result;
use play::{Outcome, Runner};

use super::jobs::Jobs;
use super::pairs::{Pairs, Short};
use super::scripts;
use super::table::{Aim, Row};

/// What the whole job may add, in seconds.
const LIMIT: f64 = 0.150;

/// Plays the job with trivial scripts and with the four programs in turns.
pub(crate) async fn measure(jobs: &Jobs, count: usize) -> Result<Vec<Row>> {
    let plain = scripts::runner(jobs.directory())?;
    let ours = jobs.runner();
    let (mut whole, mut stages) = (Pairs::default(), Stages::default());
    for warm in [false].into_iter().chain(std::iter::repeat_n(true, count)) {
        let (plain, plain_took) = played(jobs, &plain).await?;
        let (ours, ours_took) = played(jobs, &ours).await?;
        if warm {
            whole.add(plain_took, ours_took);
            stages.add(&plain, &ours);
        }
    }
    let name = format!("no-op job, {} stages", stages.0.len());
    let aim = Aim { words: "adds < 150 ms", met: whole.added() < LIMIT };
    let mut rows = vec![Row { aim: Some(aim), ..row(name, &whole) }];
    rows.extend(stages.0.iter().map(|(stage, pairs)| row(format!("  {stage}"), pairs)));
    Ok(rows)
}

async fn played(jobs: &Jobs, runner: &Runner) -> Result<(Outcome, Duration)> {
    let job = jobs.job(&["true"]);
    let began = Instant::now();
    let outcome = jobs.play(runner, &job, |_| {}).await?;
    Ok((outcome, began.elapsed()))
}

/// Each stage by its name, in the order of the job.
#[derive(Default)]
struct Stages(Vec<(String, Pairs)>);

impl Stages {
    fn add(&mut self, plain: &Outcome, ours: &Outcome) {
        if self.0.is_empty() {
            let named = plain.stages.iter().map(|record| (record.stage.clone(), Pairs::default()));
            self.0 = named.collect();
        }
        for ((_, pairs), (plain, ours)) in
            self.0.iter_mut().zip(plain.stages.iter().zip(&ours.stages))
        {
            pairs.add(plain.took, ours.took);
        }
    }
}

fn row(what: String, pairs: &Pairs) -> Row {
    Row {
        what,
        plain: pairs.plain().milliseconds(),
        ours: pairs.ours().milliseconds(),
        figure: format!("adds {} ms, {}×", Short(pairs.added() * 1e3), Short(pairs.ratio())),
        aim: None,
    }
}

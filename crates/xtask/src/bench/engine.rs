//! Jobs that do nothing in containers, three ways: by placement `engine`, by a bash driver with the
//! docker CLI, and by nothing but the requests that no driver can do without.
//!
//! All three run the same scripts: those that gitlab-runner writes for the job. The engine is once as
//! near as it is, and once behind a line that takes its time.

mod bash_driver;
mod floor;
mod round_trips;

use std::fs;
use std::time::{Duration, Instant};

use job::Result;
use play::{Event, Job, Runner};
use testkit::nodes::Node;
use testkit::proxy::Proxy;

use super::jobs::{Jobs, Placement};
use super::pairs::{Pairs, Short};
use super::stages::{self, Stages, Took};
use super::table::{self, Aim, Row};
use floor::{Floor, Script};

const HELPER_IMAGE: &str = "gitlab-helper:test";

/// Each way, to an engine far away.
const DELAY: Duration = Duration::from_millis(25);

/// How many times as long as the floor a job may take.
const ABOVE_FLOOR: f64 = 1.3;

/// How many times as long as by the bash driver a job may take.
const BELOW_BASH: f64 = 0.4;

/// Plays the jobs and prints a table for each.
pub(crate) async fn measure(jobs: &Jobs, node: &Node, count: usize) -> Result<()> {
    floor::make_network(node).await?;
    let proxy = Proxy::in_front_of(node)?;
    proxy.delay(DELAY);
    let near = Distance { words: "", endpoint: node.endpoint(), aim: "≤ 0.4 s", limit: 0.4 };
    let far =
        Distance {
            words: ", 50 ms away", endpoint: proxy.endpoint(), aim: "≤ 1.0 s", limit: 1.0
        };
    for distance in [&near, &far] {
        for has_helper in [false, true] {
            table::print(&Comparison::new(jobs, distance, has_helper)?.rows(count).await?);
        }
    }
    table::print(&round_trips::measure(jobs, node).await?);
    Ok(())
}

/// Where the engine is.
struct Distance {
    words: &'static str,
    endpoint: String,
    /// What is within reach at this distance, in words and in seconds.
    aim: &'static str,
    limit: f64,
}

/// One job, three ways.
struct Comparison<'a> {
    jobs: &'a Jobs,
    distance: &'a Distance,
    has_helper: bool,
    ours: Runner,
    bash: Runner,
}

/// What a job took, and its stages.
type Whole = (Duration, Took);

impl<'a> Comparison<'a> {
    fn new(jobs: &'a Jobs, distance: &'a Distance, has_helper: bool) -> Result<Self> {
        let (directory, certificates) = (jobs.directory(), jobs.certificates());
        let bash = bash_driver::runner(directory, &distance.endpoint, &certificates)?;
        Ok(Self { jobs, distance, has_helper, ours: jobs.runner(Placement::Engine), bash })
    }

    /// Takes turns, after one turn that doesn't count.
    async fn rows(&self, count: usize) -> Result<Vec<Row>> {
        let floor = self.floor().await?;
        let (mut above, mut below, mut stages) =
            (Pairs::default(), Pairs::default(), Stages::default());
        for counts in [false].into_iter().chain(std::iter::repeat_n(true, count)) {
            let ours = self.played(&self.ours).await?;
            let bash = self.played(&self.bash).await?;
            let floor = self.on(&floor).await?;
            if counts {
                above.add(floor.0, ours.0);
                below.add(bash.0, ours.0);
                stages.add(&floor.1, &ours.1);
            }
        }
        Ok(self.told(&above, &below, &stages))
    }

    /// The floor with the scripts of this job, which a bash driver plays for it.
    async fn floor(&self) -> Result<Floor> {
        let mut scripts = Vec::new();
        let keep = |event| scripts.extend(script(event));
        self.jobs.play(&self.bash, &self.job(), keep).await?;
        Ok(Floor {
            endpoint: self.distance.endpoint.clone(),
            certificates: self.jobs.certificates(),
            has_helper: self.has_helper,
            scripts,
        })
    }

    async fn played(&self, runner: &Runner) -> Result<Whole> {
        let job = self.job();
        let began = Instant::now();
        let outcome = self.jobs.play(runner, &job, |_| {}).await?;
        Ok((began.elapsed(), stages::took(&outcome)))
    }

    async fn on(&self, floor: &Floor) -> Result<Whole> {
        let name = format!("floor-{}", self.job().id);
        let began = Instant::now();
        let took = floor.play(&name).await?;
        Ok((began.elapsed(), took))
    }

    /// Only a job with something for the helper image has a cache.
    fn job(&self) -> Job {
        let job = self.jobs.container_job(&self.distance.endpoint, &["true"]);
        if self.has_helper { job.cache("bench", "cache") } else { job }
    }

    fn told(&self, above: &Pairs, below: &Pairs, stages: &Stages) -> Vec<Row> {
        let Distance { words, aim, limit, .. } = self.distance;
        let containers = if self.has_helper { "two containers" } else { "a container" };
        let whole = Row {
            what: format!("no-op job in {containers}{words}"),
            plain: String::new(),
            ours: above.ours().milliseconds(),
            figure: String::new(),
            aim: Some(Aim { words: aim, met: above.ours().median <= *limit }),
        };
        let floor = Aim { words: "< 1.3×", met: above.ratio() < ABOVE_FLOOR };
        let bash = Aim { words: "< 0.4×", met: below.ratio() < BELOW_BASH };
        let beside = [
            beside("  beside a bash driver", below, bash),
            beside("  beside the floor", above, floor),
        ];
        let stages = stages.rows().map(|row| Row { what: format!("  {}", row.what), ..row });
        [whole].into_iter().chain(beside).chain(stages).collect()
    }
}

fn beside(what: &str, pairs: &Pairs, aim: Aim) -> Row {
    let figure = format!("{}×", Short(pairs.ratio()));
    Row { figure, aim: Some(aim), ..stages::row(what.to_owned(), pairs) }
}

/// What a stage that has been started is given to run.
fn script(event: Event) -> Option<Script> {
    let Event::Started(process) = event else { return None };
    let text = fs::read_to_string(process.script?).ok()?;
    Some(Script { stage: process.stage, text })
}

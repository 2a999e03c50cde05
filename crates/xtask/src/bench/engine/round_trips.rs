//! How many round trips a job waits for, and whether that grows with what the job has.
//!
//! Nobody outside can tell which requests were made side by side. But each round trip in a row costs
//! the delay of the line twice: so the same job through a line with a long delay and through one
//! without differ by the number of those that it waited for. That is no whole number, as containers
//! don't start equally quickly every time; of each stage the quickest in several jobs counts.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use job::Result;
use play::{Image, Job, Runner, Service, Variable};
use testkit::nodes::Node;
use testkit::proxy::{Proxy, Traffic};

use super::super::jobs::{Jobs, Placement};
use super::super::pairs::Short;
use super::super::stages::{self, Took};
use super::super::table::{Aim, Row};

/// Each way; long beside what differs between two starts of a container.
const DELAY: Duration = Duration::from_millis(100);

/// Of each stage the quickest in so many jobs counts.
const JOBS: usize = 3;

/// What is taken for no growth: less than one round trip more.
const LIMIT: f64 = 1.0;

/// A service that answers at once on the port that it exposes.
const SERVICE: &str = "jwilder/whoami:latest";

/// What a job of placement `engine` waits for, with more and more of what should not matter.
pub(super) async fn measure(jobs: &Jobs, node: &Node) -> Result<Vec<Row>> {
    let line =
        Line { jobs, runner: jobs.runner(Placement::Engine), proxy: Proxy::in_front_of(node)? };
    let began = now();
    let plain = line.count(5, 0).await?;
    let many = line.count(200, 0).await?;
    let one = line.count(5, 1).await?;
    let three = line.count(5, 3).await?;
    Ok(vec![
        plain.row("round trips in a row, 5 variables", None),
        many.row("  200 variables", Some(&plain)),
        one.row("  5 variables, 1 service", None),
        three.row("  5 variables, 3 services", Some(&one)),
        execs(node, &began).await?,
    ])
}

/// A line to an engine, and who is at its near end.
struct Line<'a> {
    jobs: &'a Jobs,
    runner: Runner,
    proxy: Proxy,
}

/// What a job waited for.
struct Counted {
    in_a_row: f64,
    /// What passed in all.
    traffic: Traffic,
}

impl Line<'_> {
    async fn count(&self, variables: usize, services: usize) -> Result<Counted> {
        let near = self.quickest(Duration::ZERO, variables, services).await?;
        let before = self.proxy.traffic();
        let far = self.quickest(DELAY, variables, services).await?;
        let traffic = self.proxy.traffic();
        let in_a_row = (far - near) / (2.0 * DELAY.as_secs_f64());
        Ok(Counted { in_a_row, traffic: per_job(traffic, before) })
    }

    /// What a job takes if nothing else holds it up, in seconds.
    async fn quickest(&self, delay: Duration, variables: usize, services: usize) -> Result<f64> {
        self.proxy.delay(delay);
        let mut quickest = Took::new();
        for _ in 0..JOBS {
            let job = self.job(variables, services);
            let took = stages::took(&self.jobs.play(&self.runner, &job, |_| {}).await?);
            if quickest.is_empty() {
                quickest.clone_from(&took);
            }
            for ((_, least), (_, took)) in quickest.iter_mut().zip(took) {
                *least = took.min(*least);
            }
        }
        Ok(quickest.iter().map(|(_, took)| took.as_secs_f64()).sum())
    }

    /// A job that does nothing, with so many variables of its own.
    fn job(&self, variables: usize, services: usize) -> Job {
        let mut job = self.jobs.container_job(&self.proxy.endpoint(), &["true"]);
        for number in job.variables.len()..variables {
            job =
                job.variable(Variable::new(format!("VARIABLE_{number}"), "a value of some words"));
        }
        let services = (1..=services).map(|number| Service {
            image: Image { name: SERVICE.to_owned(), ..Image::default() },
            aliases: vec![format!("whoami-{number}")],
            ..Service::default()
        });
        job.services.extend(services);
        job
    }
}

impl Counted {
    /// Judged beside a job with less.
    fn row(&self, what: &str, less: Option<&Self>) -> Row {
        let Traffic { connections, round_trips, .. } = self.traffic;
        Row {
            what: what.to_owned(),
            plain: String::new(),
            ours: Short(self.in_a_row).to_string(),
            figure: format!("{round_trips} in all, {connections} connections"),
            aim: less.map(|less| Aim { words: "doesn't grow", met: !self.grows_from(less) }),
        }
    }

    /// Where there are no more in all, there are no more in a row, whatever the clock says.
    fn grows_from(&self, less: &Self) -> bool {
        self.traffic.round_trips > less.traffic.round_trips
            && self.in_a_row - less.in_a_row >= LIMIT
    }
}

/// The part of one of [`JOBS`] jobs.
fn per_job(after: Traffic, before: Traffic) -> Traffic {
    let part = |after: u64, before: u64| (after - before) / JOBS as u64;
    Traffic {
        connections: part(after.connections, before.connections),
        to_engine: part(after.to_engine, before.to_engine),
        from_engine: part(after.from_engine, before.from_engine),
        round_trips: part(after.round_trips, before.round_trips),
    }
}

/// How many execs the engine has made since then, by its events.
async fn execs(node: &Node, since: &str) -> Result<Row> {
    let (until, format) = (now(), "{{.Action}}");
    let period = ["events", "--since", since, "--until", &until];
    let only = ["--filter", "event=exec_create", "--format", format];
    let events = node.docker(&[period.as_slice(), &only].concat()).await?;
    let count = events.lines().count();
    Ok(Row {
        what: "exec requests in all these jobs".to_owned(),
        plain: String::new(),
        ours: count.to_string(),
        figure: String::new(),
        aim: Some(Aim { words: "none", met: count == 0 }),
    })
}

/// As `docker events` takes it.
fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:09}", since.as_secs(), since.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(in_a_row: f64, round_trips: u64) -> Counted {
        let traffic = Traffic { connections: 6, to_engine: 0, from_engine: 0, round_trips };
        Counted { in_a_row, traffic }
    }

    #[test]
    fn more_round_trips_are_growth_only_if_they_are_waited_for() {
        let less = counted(20.0, 30);
        assert!(counted(21.5, 40).grows_from(&less));
        assert!(!counted(20.4, 40).grows_from(&less), "side by side");
        assert!(!counted(21.5, 30).grows_from(&less), "a container that started slowly");
    }
}

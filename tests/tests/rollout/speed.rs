//! How soon after the last change on the swarm there is a verdict.

use std::time::SystemTime;

use job::{Failure, Result};
use play::{Cancel, Event};
use scenarios::Scenario;
use scenarios::rollouts::{Stack, row};
use serde_json::Value;
use testkit::nodes::Node;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::play::{SETTINGS, job, play_under, tell};

/// What the services of these rows ask for, `MONITOR` of `web.yml`.
const STABILITY: Duration = Duration::seconds(2);

/// In the heading of the table, which has the verdicts.
const VERDICT: &str = "  VERDICT  ";

/// The verdict is to come within two seconds; other tests have this machine too.
const LIMIT: Duration = Duration::seconds(6);

#[tokio::test]
async fn a_verdict_follows_the_last_change_on_the_swarm() -> Result<()> {
    let scenario = Scenario::new()?;
    let manager = scenario.swarm.manager();
    for name in ["good-update", "first-deploy", "bad-image"] {
        let stack = row(name).map(Stack::new);
        let stack = stack.ok_or_else(|| Failure::system(format!("there is no row {name}")))?;
        stack.set(&scenario.swarm, manager).await?;
        let mut told = None;
        let watch = |event: Event| {
            if let Event::Log(bytes) = event
                && told.is_none()
                && String::from_utf8_lossy(&bytes).contains(VERDICT)
            {
                told = Some(OffsetDateTime::from(SystemTime::now()));
            }
        };
        let job = job(&scenario, &stack)?;
        let outcome = play_under(SETTINGS, &job, &Cancel::default(), watch).await?;
        let last = last_change(manager, &stack.service()).await?;
        stack.clear(&scenario.swarm, manager).await?;
        let log = outcome.log_text();
        let Some(told) = told else { panic!("no verdict was told\n{log}") };
        let took = told - last;
        let seconds = took.as_seconds_f64();
        tell(&format!("{name}: told {seconds:.1}s after the last change and its stability time"));
        assert!(took < LIMIT, "{took}\n{log}");
    }
    Ok(())
}

/// When the swarm was as it is now; where that is well, when it had been so for as long as the service
/// asks for.
async fn last_change(manager: &Node, service: &str) -> Result<OffsetDateTime> {
    let tasks = format!("/tasks?filters=%7B%22service%22%3A%7B%22{service}%22%3Atrue%7D%7D");
    let tasks = manager.get(&tasks).await?.body;
    let update = manager.get(&format!("/services/{service}")).await?.body["UpdateStatus"].take();
    let tasks = tasks.as_array().into_iter().flatten();
    let moments = tasks.filter_map(|task| moment(&task["Status"]["Timestamp"]));
    let stability = if update["State"] == "paused" { Duration::ZERO } else { STABILITY };
    let changed = moments.max().map(|last| last + stability);
    let changed = changed.max(moment(&update["CompletedAt"]));
    changed.ok_or_else(|| Failure::system("nothing has changed"))
}

fn moment(text: &Value) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text.as_str()?, &Rfc3339).ok()
}

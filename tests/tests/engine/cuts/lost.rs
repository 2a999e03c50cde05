//! A line that is lost for longer than `reconnect_timeout`.

use std::sync::Arc;
use std::time::Duration;

use job::Result;
use play::{Cancel, Event, Exit, Outcome, Protocol, Status};
use scenarios::{Moment, Scenario, at, errors, unfit};
use testkit::wait::{Seen, until};

use super::line::{LOSSES, Line, Loss, lose};
use super::story::{IN_SILENCE, Story};

const SETTINGS: &str = "reconnect_timeout = \"5s\"";
const LOST: &str = "lost contact with the engine for";

/// A watcher that loses the line in the script, for good.
fn lost(line: &Line, loss: Loss) -> impl FnMut(Event) + Send + use<> {
    let proxy = Arc::clone(&line.proxy);
    at(Moment::Said(IN_SILENCE), move |_| {
        let proxy = Arc::clone(&proxy);
        tokio::spawn(async move { lose(&proxy, loss).await });
    })
}

/// A watcher that has it back when its loss has been told.
fn found(line: &Line) -> impl FnMut(Event) + Send + use<> {
    let proxy = Arc::clone(&line.proxy);
    at(Moment::Said(LOST), move |_| {
        let proxy = Arc::clone(&proxy);
        tokio::spawn(async move { proxy.restore().await });
    })
}

fn told_as_the_systems(outcome: &Outcome) {
    let log = outcome.log_text();
    assert_eq!(outcome.status, Status::SystemFailure, "{log}");
    let errors = errors(&outcome.log);
    assert!(errors.contains("how the script ended is unknown"), "{errors}");
    assert!(errors.contains("\n  hint: mend the network"), "{errors}");
    assert!(!errors.contains("for 0s"), "{errors}");
}

#[tokio::test]
async fn it_is_the_systems_failure_and_after_script_runs_when_the_line_is_back() -> Result<()> {
    let scenario = Scenario::new()?;
    for loss in LOSSES {
        let line = Line::new(&scenario, SETTINGS)?;
        let job = Story::new(false).job(&scenario);
        let (mut lost, mut found) = (lost(&line, loss), found(&line));
        let watch = |event: Event| {
            lost(event.clone());
            found(event);
        };
        let runner = line.engine.runner(Protocol::V19);
        let outcome = runner.play(&job, &Cancel::default(), watch).await;
        told_as_the_systems(&outcome);
        assert_eq!(unfit(&job, &outcome), [""; 0]);
        let log = outcome.log_text();
        assert!(log.contains("\nafterwards failed\n"), "{loss:?}: {log}");
        assert_eq!(line.left_by(&job).await?, [""; 0], "{loss:?}");
    }
    Ok(())
}

/// The script's processes end by themselves; containers and volumes wait for the next cleanup.
#[tokio::test]
async fn what_a_cleanup_without_the_engine_leaves_is_told_and_idle_and_the_next_removes_it()
-> Result<()> {
    let scenario = Scenario::new()?;
    let line = Line::new(&scenario, SETTINGS)?;
    let job = scenario.plain("left alone", "job:sh").script(["echo qui''et; sleep 4711"]);
    let runner = line.engine.runner(Protocol::V14_7);
    let watch = lost(&line, Loss::Closed);
    let outcome = runner.play(&job, &Cancel::default(), watch).await;
    told_as_the_systems(&outcome);
    assert_eq!(outcome.stage("cleanup").map(|record| &record.exit), Some(&Exit::Code(2)));
    let told = errors(&outcome.cleanup_log);
    assert!(told.contains("may be left there"), "{told}");
    assert!(told.contains("bears the label swarm-executor.job="), "{told}");
    let left = line.engine.left_by(&job).await?;
    let build = left.iter().find_map(|left| left.strip_prefix("container ")?.strip_suffix("build"));
    let build = format!("{}build", build.unwrap_or_default());
    until("the script to be ended", Duration::from_mins(1), async || {
        let processes = line.engine.node.docker(&["top", &build]).await;
        match processes {
            Ok(processes) if !processes.contains("sleep 4711") => Seen::Ready(()),
            Ok(processes) => Seen::NotYet(processes),
            Err(failure) => Seen::Never(failure.render()),
        }
    })
    .await?;
    line.proxy.restore().await?;
    let cleaned = runner.clean_up(&job, |_| {}).await;
    let told = String::from_utf8_lossy(&cleaned.cleanup_log).into_owned();
    assert_eq!(line.left_by(&job).await?, [""; 0], "{told}");
    Ok(())
}

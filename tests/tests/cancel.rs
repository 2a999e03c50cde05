//! A cancel ends the script, all of it, in an orderly way if it can, and leaves its place usable.

use std::time::Duration;

use job::Result;
use play::{
    Cancel, Event, Exit, Job, Outcome, Protocol, Runner, Signal, Sources, Status, Variable,
};
use scenarios::{Left, Moment, Scenario, at, left_by, runner, runner_with, settings};
use tempfile::TempPath;

/// Said by a script that can be cancelled now.
const BUSY: &str = "busy";

/// Ends itself when it is told to.
const POLITE: [&str; 4] = [
    "echo sources > note",
    r#"trap 'echo "told ""to end"; exit 7' TERM"#,
    "echo bu''sy",
    "sleep 1000 & wait",
];

/// Does not listen, nor do its children.
const DEAF: [&str; 4] = [
    "trap '' TERM",
    "(setsid sh -c 'while :; do sleep 1; done' &)",
    "echo bu''sy",
    "while :; do sleep 1; done",
];

fn job(scenario: &Scenario, script: &[&str]) -> Job {
    scenario.job("deploy").sources(Sources::None).script(script.iter().copied())
}

/// A runner that gives a cancelled script's processes this long to end.
struct Patience {
    runner: Runner,
    _settings: TempPath,
}

impl Patience {
    fn of(protocol: Protocol, grace: &str) -> Result<Self> {
        let settings = settings(&format!("[profile.default]\nstop_grace = \"{grace}\"\n"))?;
        let runner = runner_with(protocol, &["--settings", &settings.to_string_lossy()]);
        Ok(Self { runner, _settings: settings })
    }
}

fn exit(outcome: &Outcome, stage: &str) -> Option<Exit> {
    outcome.stage(stage).map(|record| record.exit.clone())
}

#[tokio::test]
async fn since_16_9_after_script_and_all_that_follows_run_in_the_same_place() -> Result<()> {
    let scenario = Scenario::new()?;
    let job = job(&scenario, &POLITE)
        .after_script(["cat note", "echo $CI_JOB_STATUS", "docker node ls -q | wc -l"])
        .variable(Variable::file("CONFIG", "content"));
    let cancel = Cancel::default();
    let watch = at(Moment::Said(BUSY), |_| cancel.cancel());
    let outcome = runner(Protocol::V19).play(&job, &cancel, watch).await;
    let log = outcome.log_text();
    assert_eq!(outcome.status, Status::Cancelled, "{log}");
    assert!(log.contains("\nCancelled: ending the script's processes"), "{log}");
    assert!(log.contains("\ntold to end\n"), "{log}");
    for said in ["\nsources\n", "\ncanceled\n", "\n3\n"] {
        assert!(log.contains(said), "{said:?}: {log}");
    }
    assert_eq!(exit(&outcome, "build_script"), Some(Exit::Code(1)));
    assert_eq!(exit(&outcome, "after_script"), Some(Exit::Code(0)));
    assert_eq!(exit(&outcome, "cleanup_file_variables"), Some(Exit::Code(0)));
    assert_eq!(left_by(&job), Left::default());
    Ok(())
}

#[tokio::test]
async fn before_16_9_nothing_but_cleanup_follows() -> Result<()> {
    let scenario = Scenario::new()?;
    let job = job(&scenario, &POLITE).after_script(["echo never"]);
    let cancel = Cancel::default();
    let watch = at(Moment::Said(BUSY), |_| cancel.cancel());
    let outcome = runner(Protocol::V14_7).play(&job, &cancel, watch).await;
    let log = outcome.log_text();
    assert_eq!(outcome.status, Status::Cancelled, "{log}");
    assert!(log.contains("\ntold to end\n"), "{log}");
    assert_eq!(outcome.stage_names().last_chunk(), Some(&["build_script", "cleanup"]));
    assert_eq!(left_by(&job), Left::default());
    Ok(())
}

#[tokio::test]
async fn what_does_not_listen_is_killed_after_stop_grace() -> Result<()> {
    let scenario = Scenario::new()?;
    let patience = Patience::of(Protocol::V19, "700ms")?;
    let job = job(&scenario, &DEAF);
    let cancel = Cancel::default();
    let watch = at(Moment::Said(BUSY), |_| cancel.cancel());
    let outcome = patience.runner.play(&job, &cancel, watch).await;
    let log = outcome.log_text();
    assert!(log.contains("killing them after 700ms"), "{log}");
    assert!(log.contains("ended by signal 9"), "{log}");
    let script = outcome.stage("build_script").unwrap();
    assert_eq!(script.exit, Exit::Code(1));
    assert!(script.took >= Duration::from_millis(700), "{:?}", script.took);
    assert_eq!(left_by(&job), Left::default());
    Ok(())
}

/// gitlab-runner sends one signal; a person who tries a job at a terminal can send a second.
#[tokio::test]
async fn a_second_signal_kills_at_once() -> Result<()> {
    let scenario = Scenario::new()?;
    let patience = Patience::of(Protocol::V19, "1h")?;
    let job = job(&scenario, &DEAF);
    let terminate = |run: &play::Process| run.signal_group(Signal::SIGTERM).unwrap();
    let mut first = at(Moment::Said(BUSY), terminate);
    let mut second = at(Moment::Said("Cancelled: ending"), terminate);
    let watch = |event: Event| {
        first(event.clone());
        second(event);
    };
    let outcome = patience.runner.play(&job, &Cancel::default(), watch).await;
    let log = outcome.log_text();
    assert!(log.contains("\nCancelled: killing the script's processes\n"), "{log}");
    assert_eq!(outcome.status, Status::ScriptFailure(128 + 9), "{log}");
    assert_eq!(left_by(&job), Left::default());
    Ok(())
}

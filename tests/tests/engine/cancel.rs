//! A cancel, or the job's timeout, ends the script in its container, all of it; the container
//! lives on for who needs it, and nothing is left when the job is over.

use std::sync::Arc;
use std::time::Duration;

use job::{Failure, Result};
use play::{Cancel, Event, Exit, Job, Protocol, Signal, Status};
use scenarios::{Engine, Left, Moment, Scenario, at, left_by};
use testkit::proxy::Proxy;
use testkit::wait::{Seen, until};

/// Said by a script that can be cancelled now.
const BUSY: &str = "\nbusy\n";
const TOLD: &str = "Cancelled: ending";

/// Ends itself when it is told to, as does a child in a session of its own that nobody waits for.
const POLITE: &str = r#"
echo kept >note
(setsid sh -c 'trap "echo the child >>note; exit" TERM; touch armed; while :; do sleep 0.1; done' &)
trap 'echo "told to end"; exit 7' TERM
until [ -e armed ]; do sleep 0.1; done
echo busy
sleep 4711 & wait
"#;

/// Does not listen, nor does its child.
const DEAF: &str = r#"
echo kept >note
(setsid sh -c "trap '' TERM; touch armed; while :; do sleep 4711; done" &)
trap '' TERM
until [ -e armed ]; do sleep 0.1; done
echo busy
while :; do sleep 4711; done
"#;

/// Says what still runs, without being found itself.
const PROCESSES: &str =
    r"for it in /proc/[0-9]*; do tr '\0' ' ' 2>/dev/null <$it/cmdline || :; done; echo";

fn job(scenario: &Scenario, script: &str) -> Job {
    let job = scenario.plain("cancelled", "job:sh").script([script]);
    job.after_script([PROCESSES, "cat note", "echo af''terwards $CI_JOB_STATUS"])
}

fn engine(scenario: &Scenario, grace: &str) -> Result<Engine> {
    Engine::of_the_cluster(scenario, "")?.profiled(&format!("stop_grace = \"{grace}\""))
}

async fn assert_nothing_left(engine: &Engine, job: &Job, log: &str) -> Result<()> {
    assert_eq!(left_by(job), Left::default(), "{log}");
    assert_eq!(engine.left_by(job).await?, [""; 0], "{log}");
    Ok(())
}

#[tokio::test]
async fn since_16_9_the_script_is_told_to_end_and_after_script_runs_in_the_same_container()
-> Result<()> {
    let scenario = Scenario::new()?;
    let engine = engine(&scenario, "1h")?;
    let job = job(&scenario, POLITE);
    let cancel = Cancel::default();
    let watch = at(Moment::Said(BUSY), |_| cancel.cancel());
    let outcome = engine.runner(Protocol::V19).play(&job, &cancel, watch).await;
    let log = outcome.log_text();
    assert_eq!(outcome.status, Status::Cancelled, "{log}");
    for said in [TOLD, "told to end\n", "kept\nthe child\n", "afterwards canceled\n"] {
        assert!(log.contains(&format!("\n{said}")), "{said:?}: {log}");
    }
    assert!(!log.contains("sleep 4711 "), "{log}");
    assert_nothing_left(&engine, &job, &log).await
}

#[tokio::test]
async fn before_16_9_nothing_but_cleanup_follows() -> Result<()> {
    let scenario = Scenario::new()?;
    let engine = engine(&scenario, "1h")?;
    let job = job(&scenario, POLITE);
    let cancel = Cancel::default();
    let watch = at(Moment::Said(BUSY), |_| cancel.cancel());
    let outcome = engine.runner(Protocol::V14_7).play(&job, &cancel, watch).await;
    let log = outcome.log_text();
    assert_eq!(outcome.status, Status::Cancelled, "{log}");
    assert!(log.contains("\ntold to end\n"), "{log}");
    assert_eq!(outcome.stage_names().last_chunk(), Some(&["build_script", "cleanup"]));
    assert_nothing_left(&engine, &job, &log).await
}

#[tokio::test]
async fn what_does_not_listen_is_killed_after_stop_grace_or_a_second_signal() -> Result<()> {
    let scenario = Scenario::new()?;
    for (grace, signals) in [("700ms", 1), ("1h", 2)] {
        let engine = engine(&scenario, grace)?;
        let job = job(&scenario, DEAF);
        let terminate = |run: &play::Process| run.signal_group(Signal::SIGTERM).unwrap();
        let mut first = at(Moment::Said(BUSY), terminate);
        let mut second = at(Moment::Said(TOLD), move |run| {
            if signals == 2 {
                terminate(run);
            }
        });
        let watch = |event: Event| {
            first(event.clone());
            second(event);
        };
        let outcome = engine.runner(Protocol::V19).play(&job, &Cancel::default(), watch).await;
        let log = outcome.log_text();
        assert_eq!(outcome.status, Status::ScriptFailure(128 + 9), "{log}");
        assert_eq!(log.contains("\nCancelled: killing the script's processes\n"), signals == 2);
        assert!(log.contains("the script was ended by signal 9"), "{log}");
        assert!(log.contains("it was cancelled, and did not end in time"), "{log}");
        assert!(!log.contains("sleep 4711 "), "{log}");
        assert_nothing_left(&engine, &job, &log).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_job_that_takes_longer_than_it_may_is_ended_as_by_a_cancel() -> Result<()> {
    let scenario = Scenario::new()?;
    let engine = engine(&scenario, "700ms")?;
    for protocol in [Protocol::V14_7, Protocol::V19] {
        let job = job(&scenario, DEAF).timeout(Duration::from_secs(10));
        let outcome = engine.runner(protocol).play(&job, &Cancel::default(), |_| {}).await;
        let log = outcome.log_text();
        assert_eq!(outcome.status, Status::TimedOut, "{log}");
        assert_nothing_left(&engine, &job, &log).await?;
    }
    Ok(())
}

/// `run` says at once that it was cancelled; the script hears of it when the line is back.
#[tokio::test]
async fn a_cancel_reaches_a_script_whose_line_is_lost_as_soon_as_it_is_back() -> Result<()> {
    let scenario = Scenario::new()?;
    let node = scenario.swarm.manager();
    let proxy = Arc::new(Proxy::in_front_of(node)?);
    let engine = Engine::through(&scenario, node, &proxy, "")?.profiled("stop_grace = \"1h\"")?;
    let job = job(&scenario, POLITE);
    let cancel = Cancel::default();
    let mut lose = at(Moment::Said(BUSY), |_| {
        let (proxy, cancel) = (Arc::clone(&proxy), cancel.clone());
        tokio::spawn(async move {
            proxy.cut().await;
            cancel.cancel();
        });
    });
    let mut restore = at(Moment::Said(TOLD), |_| {
        let proxy = Arc::clone(&proxy);
        tokio::spawn(async move { proxy.restore().await });
    });
    let watch = |event: Event| {
        lose(event.clone());
        restore(event);
    };
    let outcome = engine.runner(Protocol::V19).play(&job, &cancel, watch).await;
    let log = outcome.log_text();
    assert_eq!(outcome.status, Status::Cancelled, "{log}");
    for said in ["told to end\n", "kept\nthe child\n", "afterwards canceled\n"] {
        assert!(log.contains(&format!("\n{said}")), "{said:?}: {log}");
    }
    assert_nothing_left(&engine, &job, &log).await
}

#[tokio::test]
async fn a_cancel_in_prepare_leaves_nothing_whatever_is_there_already() -> Result<()> {
    let scenario = Scenario::new()?;
    let engine = Engine::of_the_cluster(&scenario, "service_timeout = \"1h\"")?;
    for wait_for_services in [false, true] {
        let job = scenario.plain("prepared", "job:sh").service("service:deaf").script(["true"]);
        let cancel = Cancel::default();
        let outcome = {
            let runner = engine.runner(Protocol::V19);
            let cancelled = async {
                if wait_for_services {
                    services_run(&engine, &job).await?;
                }
                cancel.cancel();
                Ok::<_, Failure>(())
            };
            let played = runner.play(&job, &cancel, |_| {});
            let (outcome, cancelled) = tokio::join!(played, cancelled);
            cancelled.map(|()| outcome)?
        };
        let log = outcome.log_text();
        assert_eq!(outcome.status, Status::Cancelled, "{log}");
        assert_ne!(outcome.stage("prepare").map(|record| &record.exit), Some(&Exit::Code(0)));
        assert_nothing_left(&engine, &job, &log).await?;
    }
    Ok(())
}

async fn services_run(engine: &Engine, job: &Job) -> Result<()> {
    let name = format!("name=-{}-service-0", job.id);
    until("the service to run", Duration::from_mins(1), async || {
        let running = engine.node.docker(&["ps", "--quiet", "--filter", &name]).await;
        match running {
            Ok(id) if !id.is_empty() => Seen::Ready(()),
            other => Seen::NotYet(format!("{other:?}")),
        }
    })
    .await
}

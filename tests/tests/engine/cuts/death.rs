//! The sudden death of `run`, which cuts the line for good.

use job::Result;
use play::{Cancel, Event, Exit, Process, Protocol, Signal, Variable};
use scenarios::{Left, Moment, Repository, Scenario, at, left_by};

use super::line::Line;

/// Something that only the script says.
const BUSY: &str = "\nbusy\n";

/// Has a child that is in a session of its own and deaf.
const SCRIPT: [&str; 2] =
    ["(setsid sh -c \"trap '' TERM; echo bu''sy; sleep 4711\" &)", "while :; do sleep 4711; done"];

/// Says what still runs, without being found itself.
const PROCESSES: &str =
    r"for it in /proc/[0-9]*; do tr '\0' ' ' 2>/dev/null <$it/cmdline || :; done; echo";

fn kill(process: &Process) {
    // The exit of the stage tells whether it went well.
    let _ = process.signal(Signal::SIGKILL);
}

#[tokio::test]
async fn ends_the_script_before_anything_else_begins_in_its_container() -> Result<()> {
    let scenario = Scenario::new()?;
    let line = Line::new(&scenario, "")?;
    for protocol in [Protocol::V14_7, Protocol::V19] {
        let job = scenario.plain("killed", "job:sh").script(SCRIPT);
        let job = job.after_script([PROCESSES, "echo done$CI_JOB_STATUS"]);
        let runner = line.engine.runner(protocol);
        let watch = at(Moment::Said(BUSY), kill);
        let outcome = runner.play(&job, &Cancel::default(), watch).await;
        let log = outcome.log_text();
        let script = outcome.stage("build_script").map(|record| record.exit.clone());
        assert_eq!(script, Some(Exit::Signal(9)), "{log}");
        assert!(log.contains("\ndonefailed\n"), "{log}");
        assert!(!log.contains("sleep 4711 "), "{log}");
        assert_eq!(left_by(&job), Left::default());
        assert_eq!(line.left_by(&job).await?, [""; 0]);
    }
    Ok(())
}

#[tokio::test]
async fn in_a_repeatable_stage_is_made_good_by_its_repetition() -> Result<()> {
    let scenario = Scenario::new()?;
    let line = Line::new(&scenario, "")?;
    let repository = Repository::new()?;
    let sources = repository.serve(&scenario.swarm).await?;
    for (protocol, moment) in [
        (Protocol::V14_7, Moment::Started("get_sources")),
        (Protocol::V14_7, Moment::Said("Fetching changes")),
        (Protocol::V19, Moment::Said("Checking out")),
    ] {
        let job = sources.give(scenario.plain("killed", "job:sh"));
        let job = job.script(["test -e production.yml", "echo suc''cess"]);
        let job = job.variable(Variable::new("GET_SOURCES_ATTEMPTS", "2"));
        let mut is_first = true;
        let kill_first = move |process: &Process| {
            if std::mem::take(&mut is_first) {
                kill(process);
            }
        };
        let mut kill_first = at(moment, kill_first);
        let watch = |event: Event| kill_first(event);
        let outcome = line.engine.runner(protocol).play(&job, &Cancel::default(), watch).await;
        let log = outcome.log_text();
        let prepares = outcome.stage_names().iter().filter(|name| **name == "prepare").count();
        assert_eq!(prepares, 1, "{log}");
        assert!(outcome.is_success(), "{moment:?}: {log}");
        assert!(log.contains("\nsuccess\n"), "{log}");
        assert_eq!(line.left_by(&job).await?, [""; 0]);
    }
    Ok(())
}

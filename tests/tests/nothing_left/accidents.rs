//! Sudden deaths: of any stage, of a script's agent, of gitlab-runner.

use std::net::TcpListener;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use job::Result;
use play::{Cancel, Exit, Job, Process, Protocol, Signal, Sources};
use procfs::process::all_processes;
use scenarios::{ByHand, Credentials, Moment, PROTOCOLS, Scenario, at, runner, settings};
use testkit::wait::{Seen, until};
use tokio::sync::mpsc;

use crate::story::{
    BUSY, HASTY, PROCESSES, SAY_BUSY, article, assert_nothing_left, assert_something_left,
    certificates, job, runner_by,
};

const PATIENCE: Duration = Duration::from_secs(20);

fn kill(process: &Process) {
    process.signal(Signal::SIGKILL).unwrap();
}

#[tokio::test]
async fn of_any_stage_as_it_starts() -> Result<()> {
    let scenario = Scenario::new()?;
    let stages =
        ["config", "prepare", "prepare_script", "get_sources", "build_script", "after_script"];
    for stage in stages {
        let job = job(&scenario, &["docker version"]).after_script(["docker version"]);
        let watch = at(Moment::Started(stage), kill);
        let outcome = runner(Protocol::V19).play(&job, &Cancel::default(), watch).await;
        let exit = outcome.stage(stage).map(|record| record.exit.clone());
        // config may be through before the signal comes.
        assert!(exit == Some(Exit::Signal(9)) || stage == "config", "{stage}: {exit:?}");
        assert_nothing_left(&job, stage);
    }
    Ok(())
}

#[tokio::test]
async fn of_cleanup_and_then_of_nothing() -> Result<()> {
    let scenario = Scenario::new()?;
    let job = job(&scenario, &article(&["false"]));
    let runner = runner(Protocol::V19);
    let outcome = runner.play(&job, &Cancel::default(), at(Moment::Started("cleanup"), kill)).await;
    assert_eq!(outcome.stage("cleanup").map(|record| &record.exit), Some(&Exit::Signal(9)));
    runner.clean_up(&job, |_| {}).await;
    assert_nothing_left(&job, "after the second cleanup");
    Ok(())
}

/// The cluster's place is taken by somebody who accepts connections and never says a word.
#[tokio::test]
async fn of_prepare_when_it_has_written_the_certificates() -> Result<()> {
    let scenario = Scenario::new()?;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", silent.local_addr().unwrap());
    let credentials = Credentials::new(&address, scenario.credentials.identity.clone());
    let mut job = credentials.give(Job::new("deploy").sources(Sources::None).script(["true"]));
    job.id = self::job(&scenario, &[]).id;
    let killer = job.clone();
    let watch = at(Moment::Started("prepare"), move |process| {
        let (job, process) = (killer.clone(), process.clone());
        thread::spawn(move || {
            let start = Instant::now();
            while !certificates(&job).join("key.pem").exists() && start.elapsed() < PATIENCE {
                thread::yield_now();
            }
            kill(&process);
        });
    });
    let outcome = runner(Protocol::V19).play(&job, &Cancel::default(), watch).await;
    let prepares = outcome.stages.iter().filter(|record| record.stage == "prepare");
    let exits: Vec<_> = prepares.map(|record| record.exit.clone()).collect();
    assert_eq!(exits, [Exit::Signal(9), Exit::Signal(9), Exit::Signal(9)]);
    assert_nothing_left(&job, &outcome.log_text());
    Ok(())
}

#[tokio::test]
async fn of_run_in_the_middle_of_a_script_and_its_processes() -> Result<()> {
    let scenario = Scenario::new()?;
    let unmarked = ["env -i setsid sleep 1000 > /dev/null 2>&1 &"];
    for protocol in PROTOCOLS {
        let script = [article(&unmarked), PROCESSES.to_vec()].concat();
        let job = job(&scenario, &script);
        let watch = at(Moment::Said(BUSY), kill);
        let outcome = runner(protocol).play(&job, &Cancel::default(), watch).await;
        let exit = outcome.stage("build_script").map(|record| record.exit.clone());
        assert_eq!(exit, Some(Exit::Signal(9)), "{}", outcome.log_text());
        assert_nothing_left(&job, &outcome.log_text());
    }
    Ok(())
}

#[tokio::test]
async fn of_run_in_the_middle_of_after_script() -> Result<()> {
    let scenario = Scenario::new()?;
    let job = job(&scenario, &["true"]).after_script([SAY_BUSY, "sleep 1000"]);
    let watch = at(Moment::Said(BUSY), kill);
    let outcome = runner(Protocol::V19).play(&job, &Cancel::default(), watch).await;
    let exit = outcome.stage("after_script").map(|record| record.exit.clone());
    assert_eq!(exit, Some(Exit::Signal(9)), "{}", outcome.log_text());
    assert_nothing_left(&job, &outcome.log_text());
    Ok(())
}

#[tokio::test]
async fn of_a_scripts_agent() -> Result<()> {
    let (scenario, settings) = (Scenario::new()?, settings(HASTY)?);
    let job = job(&scenario, &article(&PROCESSES));
    let watch = at(Moment::Said(BUSY), |run| kill_children(run.pid));
    let outcome = runner_by(Protocol::V19, &settings).play(&job, &Cancel::default(), watch).await;
    let log = outcome.log_text();
    let exit = outcome.stage("build_script").map(|record| record.exit.clone());
    assert_eq!(exit, Some(Exit::Code(2)), "{log}");
    assert!(log.contains("the script was lost"), "{log}");
    assert_nothing_left(&job, &log);
    Ok(())
}

fn kill_children(parent: u32) {
    let children = all_processes()
        .unwrap()
        .filter_map(std::result::Result::ok)
        .filter(|process| process.stat().is_ok_and(|stat| stat.ppid.unsigned_abs() == parent));
    for child in children {
        kill(&Process {
            stage: String::new(),
            attempt: 1,
            pid: child.pid.unsigned_abs(),
            dir: PathBuf::new(),
            script: None,
        });
    }
}

/// gitlab-runner's own directory stays, for nobody is left to remove it; it holds the job response.
#[tokio::test]
async fn of_gitlab_runner_itself() -> Result<()> {
    let (scenario, settings) = (Scenario::new()?, settings(HASTY)?);
    let scripts = [PROCESSES.to_vec(), vec![SAY_BUSY, "exec > /dev/null 2>&1", "sleep 1000"]];
    for script in scripts {
        let job = job(&scenario, &article(&script));
        let (reached, mut run) = mpsc::unbounded_channel();
        let watch = at(Moment::Said(BUSY), move |process| reached.send(process.clone()).unwrap());
        let (runner, nobody) = (runner_by(Protocol::V19, &settings), Cancel::default());
        let run = tokio::select! {
            outcome = runner.play(&job, &nobody, watch) => panic!("{}", outcome.log_text()),
            run = run.recv() => run.unwrap(),
        };
        ended(&run).await?;
        assert_something_left(&job);
        let response = run.dir.join("response.json");
        let (code, words) = ByHand::new(&[]).from(&run.dir).with_response(&response).run()?;
        assert_eq!(code, Some(0), "{words}");
        assert_nothing_left(&job, &words);
        std::fs::remove_dir_all(&run.dir).unwrap();
    }
    Ok(())
}

/// Nobody waits for its exit status but us, and we don't hold the child any more: it may stay a
/// zombie.
async fn ended(run: &Process) -> Result<()> {
    let pid = i32::try_from(run.pid).unwrap();
    until("run's end", PATIENCE, async || {
        match procfs::process::Process::new(pid).and_then(|process| process.stat()) {
            Ok(stat) if stat.state != 'Z' => Seen::NotYet(stat.comm),
            _ => Seen::Ready(()),
        }
    })
    .await
}

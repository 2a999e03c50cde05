//! However a job in containers ends, nothing of it is left on the runner machine or on its engine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use job::{Failure, Result};
use play::{Cancel, Event, Exit, Job, Outcome, Process, Protocol, Signal, Status, Variable};
use scenarios::{ByHand, Engine, Left, Moment, PROTOCOLS, Scenario, at, left_by, settings};
use tempfile::{NamedTempFile, TempDir};
use testkit::proxy::Proxy;

use crate::project::{Project, nothing_is_left, play_watched};

/// Said by a script that is in the middle of its work.
const BUSY: &str = "busy";

/// A script that leaves a note outside its volumes, and doesn't end by itself.
const ENDLESS: [&str; 3] = ["echo no''ted >/tmp/note", "echo bu''sy", "sleep 1000 & wait"];

/// Longest wait for what a stage does within a moment.
const PATIENCE: Duration = Duration::from_mins(1);

fn exit(outcome: &Outcome, stage: &str) -> Option<Exit> {
    outcome.stage(stage).map(|record| record.exit.clone())
}

/// Kills a stage as soon as something has happened, which is looked for beside it.
fn kill_when(process: &Process, mut happened: impl FnMut() -> bool + Send + 'static) {
    let process = process.clone();
    thread::spawn(move || {
        let start = Instant::now();
        while !happened() && start.elapsed() < PATIENCE {
            thread::yield_now();
        }
        process.signal(Signal::SIGKILL)
    });
}

#[tokio::test]
async fn after_a_cancel_the_same_container_runs_after_script_since_16_9() -> Result<()> {
    let scenario = Scenario::new()?;
    let engine = Engine::of_the_cluster(&scenario, "")?;
    for protocol in PROTOCOLS {
        let job = scenario.plain("long", "job:bash").script(ENDLESS);
        let job = job.after_script(["cat /tmp/note", "echo is $CI_JOB_STATUS"]);
        let cancel = Cancel::default();
        let watch = at(Moment::Said(BUSY), |_| cancel.cancel());
        let outcome = play_watched(&engine, protocol, &job, &cancel, watch).await?;
        let log = outcome.log_text();
        assert_eq!(outcome.status, Status::Cancelled, "{log}");
        match protocol {
            Protocol::V14_7 => {
                assert_eq!(outcome.stage_names().last_chunk(), Some(&["build_script", "cleanup"]));
            }
            Protocol::V19 => assert!(log.contains("\nnoted\n") && log.contains("\nis canceled\n")),
        }
    }
    Ok(())
}

#[tokio::test]
async fn after_a_timeout() -> Result<()> {
    let scenario = Scenario::new()?;
    let engine = Engine::of_the_cluster(&scenario, "")?;
    let job = scenario.plain("long", "job:sh").script(ENDLESS).timeout(Duration::from_secs(8));
    let outcome = play_watched(&engine, Protocol::V19, &job, &Cancel::default(), |_| {}).await?;
    assert_eq!(outcome.status, Status::TimedOut, "{}", outcome.log_text());
    Ok(())
}

/// Nor does cleanup complain of what prepare has already told.
#[tokio::test]
async fn after_a_prepare_that_lacks_all_to_begin_with() -> Result<()> {
    let scenario = Scenario::new()?;
    let engine = Engine::of_the_cluster(&scenario, "")?;
    let mut job = scenario.plain("lacking", "job:sh").script(["true"]);
    job.variables.clear();
    let outcome = play_watched(&engine, Protocol::V19, &job, &Cancel::default(), |_| {}).await?;
    let (log, told) = (outcome.log_text(), String::from_utf8_lossy(&outcome.cleanup_log));
    assert_eq!(outcome.status, Status::BuildFailure, "{log}");
    assert!(log.contains("DOCKER_SWARM_MASTER (the cluster's address"), "{log}");
    assert_eq!((exit(&outcome, "cleanup"), &*told), (Some(Exit::Code(0)), ""));
    Ok(())
}

/// The service never is ready, so that prepare is in its middle when its containers are there.
#[tokio::test]
async fn after_a_sudden_death_of_prepare_and_another_one() -> Result<()> {
    let scenario = Scenario::new()?;
    let hasty = "services_must_be_ready = false\nservice_timeout = \"8s\"";
    let engine = Engine::of_the_cluster(&scenario, hasty)?;
    let job = scenario.plain("deaf", "job:sh").service("service:deaf").script(["true"]);
    let (node, id) = (engine.node.clone(), job.id);
    let watch = at(Moment::Started("prepare"), move |process| {
        let node = node.clone();
        if process.attempt == 1 {
            kill_when(process, move || {
                has_container(&node.admin_socket(), &format!("-{id}-build"))
            });
        }
    });
    let outcome = play_watched(&engine, Protocol::V19, &job, &Cancel::default(), watch).await?;
    let prepares = outcome.stages.iter().filter(|record| record.stage == "prepare");
    let exits: Vec<_> = prepares.map(|record| record.exit.clone()).collect();
    assert_eq!(exits, [Exit::Signal(9), Exit::Code(0)], "{}", outcome.log_text());
    assert!(outcome.is_success(), "{}", outcome.log_text());
    Ok(())
}

fn has_container(socket: &Path, name: &str) -> bool {
    let host = format!("--host=unix://{}", socket.display());
    let list = ["container", "ls", "--all", "--format={{.Names}}"];
    let told = Command::new("docker").arg(host).args(list).output();
    told.is_ok_and(|told| String::from_utf8_lossy(&told.stdout).contains(name))
}

/// What gitlab-runner runs again after that goes on in the same containers.
#[tokio::test]
async fn after_sudden_deaths_of_run() -> Result<()> {
    let scenario = Scenario::new()?;
    let project = Project::new(&scenario).await?;
    let engine = Engine::of_the_cluster(&scenario, "")?;
    for protocol in PROTOCOLS {
        let job = scenario
            .plain("dies", "job:bash")
            .script(ENDLESS)
            .after_script(["ls production.yml; cat /tmp/note"])
            .variable(Variable::new("GET_SOURCES_ATTEMPTS", "2"));
        let job = project.submit(job);
        let mut killed = false;
        let mut first = at(Moment::Started("get_sources"), |process| {
            if !std::mem::replace(&mut killed, true) {
                process.signal(Signal::SIGKILL).unwrap_or_default();
            }
        });
        let mut second = at(Moment::Said(BUSY), |process| {
            process.signal(Signal::SIGKILL).unwrap_or_default();
        });
        let watch = |event: Event| {
            first(event.clone());
            second(event);
        };
        let outcome =
            play_watched(&engine, protocol, job.spec(), &Cancel::default(), watch).await?;
        let log = outcome.log_text();
        let sources = outcome.stages.iter().filter(|record| record.stage == "get_sources");
        let exits: Vec<_> = sources.map(|record| record.exit.clone()).collect();
        assert_eq!(exits, [Exit::Signal(9), Exit::Code(0)], "{log}");
        assert_eq!(exit(&outcome, "build_script"), Some(Exit::Signal(9)), "{log}");
        assert_eq!(exit(&outcome, "after_script"), Some(Exit::Code(0)), "{log}");
        assert!(log.contains("\nproduction.yml\nnoted\n"), "{log}");
    }
    Ok(())
}

/// An engine that says nothing holds cleanup up where it has done all that it can do without.
#[tokio::test]
async fn after_a_sudden_death_of_cleanup_and_of_the_way_to_the_engine() -> Result<()> {
    let scenario = Scenario::new()?;
    let lone = scenario.lone_engine()?;
    let proxy = Proxy::in_front_of(lone)?;
    let engine = Engine::through(&scenario, lone, &proxy, "")?;
    let job = scenario.plain("short", "job:sh").service("service:slow").script(["true"]);
    let silence = at(Moment::Started("cleanup"), |process| {
        proxy.black_hole();
        let job = job.clone();
        kill_when(process, move || left_by(&job).directories.is_empty());
    });
    let runner = engine.runner(Protocol::V19);
    let outcome = runner.play(&job, &Cancel::default(), silence).await;
    assert_eq!(exit(&outcome, "cleanup"), Some(Exit::Signal(9)), "{}", outcome.log_text());
    let outcome = runner.clean_up(&job, |_| {}).await;
    let told = String::from_utf8_lossy(&outcome.cleanup_log);
    assert_eq!(exit(&outcome, "cleanup"), Some(Exit::Code(2)), "{told}");
    assert!(told.contains("remove there whatever bears the label swarm-executor.job="), "{told}");
    assert_eq!(left_by(&job), Left::default());
    assert!(!engine.left_by(&job).await?.is_empty(), "{told}");
    proxy.restore().await?;
    for _ in 0..2 {
        let outcome = runner.clean_up(&job, |_| {}).await;
        assert_eq!(exit(&outcome, "cleanup"), Some(Exit::Code(0)), "{outcome:?}");
        nothing_is_left(&engine, &job, "after a later cleanup").await?;
    }
    Ok(())
}

/// A job that nobody has cleaned up after.
struct Abandoned {
    job: Job,
    /// gitlab-runner's directory of the attempt.
    attempt: TempDir,
    response: NamedTempFile,
}

impl Abandoned {
    async fn new(scenario: &Scenario, engine: &Engine) -> Result<Self> {
        let job = scenario.plain("abandoned", "job:sh").script(["true"]);
        let mut attempt = PathBuf::new();
        let watch = at(Moment::Started("build_script"), |run| attempt.clone_from(&run.dir));
        let mut runner = engine.runner(Protocol::V19);
        runner.cleanup = None;
        let outcome = runner.play(&job, &Cancel::default(), watch).await;
        assert!(outcome.is_success(), "{}", outcome.log_text());
        assert!(!engine.left_by(&job).await?.is_empty());
        let (id, url) = (job.id, &job.git.repo_url);
        let text = format!(r#"{{"id": {id}, "git_info": {{"repo_url": "{url}"}}}}"#);
        let (attempt, response) = written(&attempt, &text).map_err(|error| {
            Failure::system("cannot write what gitlab-runner had").caused_by(error)
        })?;
        Ok(Self { job, attempt, response })
    }

    /// The job's directory on the runner machine.
    fn directory(&self) -> PathBuf {
        left_by(&self.job).directories.into_iter().next().unwrap_or_default()
    }
}

/// gitlab-runner's directory once more, and a job response.
fn written(attempt: &Path, text: &str) -> std::io::Result<(TempDir, NamedTempFile)> {
    let (parent, name) = (attempt.parent(), attempt.file_name().unwrap_or_default());
    let directory = tempfile::Builder::new()
        .prefix(name)
        .rand_bytes(0)
        .tempdir_in(parent.unwrap_or(Path::new("/tmp")))?;
    let response = NamedTempFile::new()?;
    std::fs::write(response.path(), text)?;
    Ok((directory, response))
}

/// What of a job cleanup has to go by.
#[derive(Clone, Copy, Debug)]
enum Known {
    BrokenSettings,
    OnlyTheAttempt,
    NoCertificates,
    NoRecord,
    NoDirectory,
}

impl Known {
    const ALL: [Self; 5] = [
        Self::BrokenSettings,
        Self::OnlyTheAttempt,
        Self::NoCertificates,
        Self::NoRecord,
        Self::NoDirectory,
    ];

    /// Takes the rest away, and calls cleanup.
    fn clean_up(
        self,
        engine: &Engine,
        broken: &str,
        job: &Abandoned,
    ) -> Result<(Option<i32>, String)> {
        let settings = engine.settings().to_string_lossy();
        let whole = ByHand::new(&["--settings", &settings]);
        let directory = job.directory();
        let taken = match self {
            Self::BrokenSettings => Ok(()),
            Self::OnlyTheAttempt => return ByHand::new(&[]).from(job.attempt.path()).run(),
            Self::NoCertificates => std::fs::remove_dir_all(directory.join("engine-certificates")),
            Self::NoRecord => std::fs::write(directory.join("job.json"), "{"),
            Self::NoDirectory => std::fs::remove_dir_all(directory),
        };
        assert!(taken.is_ok(), "{self:?}: {taken:?}");
        match self {
            Self::BrokenSettings => {
                ByHand::new(&["--settings", broken]).with_response(job.response.path()).run()
            }
            _ => whole.with_response(job.response.path()).run(),
        }
    }
}

#[tokio::test]
async fn after_a_cleanup_that_knows_hardly_anything() -> Result<()> {
    let scenario = Scenario::new()?;
    let lone = scenario.lone_engine()?;
    let engine = Engine::over_tls(&scenario, lone, "")?;
    let broken = settings("[profile.default\n")?;
    for known in Known::ALL {
        let abandoned = Abandoned::new(&scenario, &engine).await?;
        let (code, words) = known.clean_up(&engine, &broken.to_string_lossy(), &abandoned)?;
        let expected = if matches!(known, Known::BrokenSettings) { 2 } else { 0 };
        assert_eq!(code, Some(expected), "{known:?}: {words}");
        nothing_is_left(&engine, &abandoned.job, &format!("{known:?}: {words}")).await?;
    }
    Ok(())
}

//! A real gitlab-runner, with shell scripts as its custom executor, against the played GitLab.
//!
//! Skipped, saying so, where `gitlab-runner` is not on the `PATH`.

#![expect(clippy::print_stdout, reason = "a skipped test says so")]
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use play::{Job, Variable};
use rustix::process::Pid;
use testkit::coordinator::gitlab_runner::{Executor, Real, Runner};
use testkit::coordinator::{Coordinator, Finished, JobHandle, State};
use testkit::wait::{Seen, until};

const LONG: Duration = Duration::from_mins(1);

/// A script whose log never pauses, so that the runner learns of a cancel within a second.
const FOREVER: &str = "while echo tick; do sleep 0.2; done";

/// Each stage writes what it sees into a diary.
const CONFIG: &str = r#"echo "config" >>"$DIARY"
echo "{\"builds_dir\":\"$HOME_OF_JOBS/builds\",\"cache_dir\":\"$HOME_OF_JOBS/cache\"}""#;
const PREPARE: &str = r#"echo "prepare $*" >>"$DIARY""#;
const RUN: &str = r#"script=${@: -2:1} stage=${@: -1}
echo "run $stage" >>"$DIARY"
trap 'echo "term $stage" >>"$DIARY"; kill "$child"' TERM
bash "$script" & child=$!
wait "$child"; code=$?
[ "$code" = 0 ] && exit
[ -z "$BUILD_EXIT_CODE_FILE" ] || echo "$code" >"$BUILD_EXIT_CODE_FILE"
exit "$BUILD_FAILURE_EXIT_CODE""#;
const CLEANUP: &str = r#"echo "cleanup of $CUSTOM_ENV_CI_JOB_ID" >>"$DIARY"
echo "words of cleanup" >&2"#;

struct Setup {
    coordinator: Coordinator,
    runner: Runner,
    real: Real,
    directory: tempfile::TempDir,
}

impl Setup {
    async fn start() -> Option<Self> {
        let Some(real) = Real::on_path().await.unwrap() else {
            println!("SKIPPED: there is no gitlab-runner on the PATH");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path();
        let program = |name: &str, script: &str| write_script(home, name, script);
        let executor = Executor::new(
            program("config", CONFIG),
            program("prepare", PREPARE),
            program("run", RUN),
            program("cleanup", CLEANUP),
        )
        .arguments(["--settings", "none.toml", "--profile", "default"])
        .env("DIARY", home.join("diary").to_string_lossy())
        .env("HOME_OF_JOBS", home.to_string_lossy());
        let coordinator = Coordinator::start().await.unwrap();
        let runner = real.start(&coordinator, &executor).unwrap();
        Some(Self { coordinator, runner, real, directory })
    }

    fn submit(&self, job: &Job) -> JobHandle {
        self.coordinator.submit(job)
    }

    async fn finished(&self, job: &JobHandle) -> Finished {
        job.finished(LONG)
            .await
            .unwrap_or_else(|it| panic!("{}\n{}", it.render(), self.runner.log()))
    }

    fn diary(&self) -> Vec<String> {
        let diary = std::fs::read_to_string(self.directory.path().join("diary")).unwrap();
        diary.lines().map(str::to_owned).collect()
    }

    /// Whether the runner is older than the two features that came with 16.9 and 17.9.
    fn is_old(&self) -> bool {
        let major = self.real.version().split('.').next().unwrap();
        major.parse::<u32>().unwrap() < 17
    }
}

fn write_script(directory: &Path, name: &str, script: &str) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, format!("#!/bin/bash\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    path
}

#[tokio::test]
async fn a_job_succeeds_and_the_runner_stops_when_asked() {
    let Some(mut setup) = Setup::start().await else { return };
    let job = Job::new("hello")
        .script(["echo \"$GREETING $CI_JOB_NAME\"", "echo \"of $CI_PROJECT_PATH\"", "cat $NOTE"])
        .variable(Variable::new("GREETING", "salve"))
        .variable(Variable::secret("TOKEN_OF_MINE", "s3cret-s3cret"))
        .variable(Variable::file("NOTE", "from s3cret-s3cret"));
    let job = setup.submit(&job);
    let end = setup.finished(&job).await;
    assert_eq!(end.state, State::Success, "{end:?}");
    assert!(end.text().contains("salve hello"), "{end:?}");
    assert!(end.text().contains("of group/app"), "{end:?}");
    assert!(end.text().contains("from [MASKED]"), "{end:?}");
    let diary = setup.diary();
    assert_eq!(diary[0], "config");
    assert_eq!(diary[1], "prepare --settings none.toml --profile default");
    assert!(diary.contains(&"run build_script".to_owned()), "{diary:?}");
    assert_eq!(diary.last(), Some(&format!("cleanup of {}", job.id())));
    assert!(setup.runner.log().contains("words of cleanup"), "{}", setup.runner.log());
    setup.runner.stop(LONG).await.unwrap();
}

#[tokio::test]
async fn a_failing_script_is_the_jobs_failure_with_its_exit_code() {
    let Some(setup) = Setup::start().await else { return };
    let job = setup.submit(&Job::new("broken").script(["exit 3"]).after_script(["echo after"]));
    let end = setup.finished(&job).await;
    assert_eq!(end.state, State::Failed, "{end:?}");
    assert_eq!(end.failure_reason.as_deref(), Some("script_failure"), "{end:?}");
    // Without BUILD_EXIT_CODE_FILE there is only the build failure code.
    assert_eq!(end.exit_code, Some(if setup.is_old() { 1 } else { 3 }), "{end:?}");
    assert!(setup.diary().contains(&"run after_script".to_owned()));
}

#[tokio::test]
async fn a_cancel_ends_the_script_and_spares_after_script_where_the_runner_can() {
    let Some(setup) = Setup::start().await else { return };
    let job = setup.ticking_job().await;
    job.cancel();
    let end = setup.finished(&job).await;
    assert_eq!(end.state, State::Canceled, "{end:?}");
    let diary = setup.diary();
    assert!(diary.contains(&"term build_script".to_owned()), "{diary:?}");
    let after = diary.contains(&"run after_script".to_owned());
    assert_eq!(after, !setup.is_old(), "{diary:?}");
    assert_eq!(diary.last(), Some(&format!("cleanup of {}", job.id())));
}

#[tokio::test]
async fn a_forced_cancel_leaves_only_the_cleanup() {
    let Some(setup) = Setup::start().await else { return };
    let job = setup.ticking_job().await;
    job.force_cancel();
    let end = setup.finished(&job).await;
    assert_eq!(end.state, State::Canceled, "{end:?}");
    let diary = setup.diary();
    assert!(!diary.contains(&"run after_script".to_owned()), "{diary:?}");
    assert_eq!(diary.last(), Some(&format!("cleanup of {}", job.id())));
}

#[tokio::test]
async fn artifacts_of_one_job_arrive_in_the_next() {
    let Some(setup) = Setup::start().await else { return };
    let make = "mkdir -p out && echo precious >out/thing";
    let build = setup.submit(&Job::new("build").script([make]).artifact("out/"));
    let end = setup.finished(&build).await;
    assert_eq!(end.state, State::Success, "{end:?}");
    assert!(build.artifacts()[0].content.starts_with(b"PK"));

    let use_it = Job::new("use").script(["cat out/thing"]).dependency(build.dependency().unwrap());
    let end = setup.finished(&setup.submit(&use_it)).await;
    assert_eq!(end.state, State::Success, "{end:?}");
    assert!(end.text().contains("precious"), "{end:?}");
    assert!(setup.diary().contains(&"run download_artifacts".to_owned()));
}

#[tokio::test]
async fn a_crashed_runner_leaves_its_stages_alive_and_a_dropped_one_nothing() {
    let Some(mut setup) = Setup::start().await else { return };
    let orphan = setup.sleeping_script().await;
    setup.runner.crash().await.unwrap();
    assert!(is_alive(orphan), "the crash took the stage along");
    rustix::process::kill_process(orphan, rustix::process::Signal::KILL).unwrap();

    let Some(setup) = Setup::start().await else { return };
    let script = setup.sleeping_script().await;
    drop(setup);
    until("the script to be gone", LONG, async || {
        if is_alive(script) { Seen::NotYet("it is alive".into()) } else { Seen::Ready(()) }
    })
    .await
    .unwrap();
}

impl Setup {
    /// Has the runner start a job that goes on until it is cancelled, and waits for its script.
    async fn ticking_job(&self) -> JobHandle {
        let job = self.submit(&Job::new("long").script([FOREVER]).after_script(["echo after"]));
        job.log_contains("tick", LONG).await.unwrap();
        job
    }

    /// Has the runner start a script that sleeps, and finds the sleeper.
    async fn sleeping_script(&self) -> Pid {
        let job =
            self.submit(&Job::new("sleeper").script(["echo pid $BASHPID here; exec sleep 1000"]));
        job.log_contains(" here", LONG).await.unwrap();
        until("the sleeper's number", LONG, async || {
            let log = String::from_utf8_lossy(&job.log()).into_owned();
            let number = log.split("pid ").find_map(|it| it.split_once(" here")?.0.parse().ok());
            number.and_then(Pid::from_raw).map_or(Seen::NotYet(log), Seen::Ready)
        })
        .await
        .unwrap()
    }
}

fn is_alive(pid: Pid) -> bool {
    // A zombie, whose parent died too, has no command line any more.
    let command = std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero()));
    command.is_ok_and(|command| !command.is_empty())
}

//! Where things are while a job runs: for nobody else, and gone with it wherever that is.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use job::Result;
use play::{Cancel, Exec, Protocol, Runner, Signal, Status};
use scenarios::{Moment, Scenario, at, program, runner};
use tempfile::TempDir;

use crate::story::{BUSY, PROCESSES, SAY_BUSY, assert_nothing_left, job, mount, own_mounts};

/// Shows the modes of what the job has on this machine, and who owns it.
const MODES: [&str; 2] = [
    "cd $(dirname ${DOCKER_HOST#unix://})",
    "stat -c '%n %a %U' . docker.sock job.json certificates certificates/*",
];

/// The same runner with every stage's program started by this shell line, which ends in `exec "$@"`.
fn started_by(line: &str, runner: Runner) -> Runner {
    let start = |name: &str| {
        let stage = program(&format!("swarm-executor-{name}")).display().to_string();
        Exec::new("/bin/sh").args(["-c", line, "sh", &stage])
    };
    Runner { run: start("run"), ..runner }
        .config(start("config"))
        .prepare(start("prepare"))
        .cleanup(start("cleanup"))
}

fn modes(owner: &str) -> String {
    let files = ["ca", "cert", "key"].map(|name| format!("certificates/{name}.pem 600 {owner}\n"));
    format!(
        ". 700 {owner}\ndocker.sock 600 {owner}\njob.json 600 {owner}\ncertificates 700 {owner}\n{}",
        files.concat()
    )
}

#[tokio::test]
async fn are_for_nobody_else_whatever_the_umask() -> Result<()> {
    let scenario = Scenario::new()?;
    let job = job(&scenario, &MODES);
    let runner = started_by(r#"umask 0; exec "$@""#, runner(Protocol::V19));
    let outcome = runner.play(&job, &Cancel::default(), |_| {}).await;
    let log = outcome.log_text();
    assert!(outcome.is_success() && log.contains(&modes("root")), "{log}");
    assert_nothing_left(&job, &log);
    Ok(())
}

/// The directories of somebody who is not root: home, and what a login would have made in `/run`.
struct Somebody(TempDir);

impl Somebody {
    /// `nobody` of Debian.
    const ID: u32 = 65534;

    fn new() -> Self {
        let somebody = Self(tempfile::tempdir().unwrap());
        for directory in [somebody.home(), somebody.runtime()] {
            fs::create_dir(&directory).unwrap();
            std::os::unix::fs::chown(&directory, Some(Self::ID), Some(Self::ID)).unwrap();
        }
        let open = fs::Permissions::from_mode(0o711);
        fs::set_permissions(somebody.0.path(), open).unwrap();
        somebody
    }

    fn home(&self) -> std::path::PathBuf {
        self.0.path().join("home")
    }

    fn runtime(&self) -> std::path::PathBuf {
        self.0.path().join("run")
    }

    /// gitlab-runner would be theirs too, and with it the directory of the attempt.
    fn runner(&self) -> Runner {
        let (home, runtime, id) = (self.home(), self.runtime(), Self::ID);
        let line = format!(
            r#"export HOME={} XDG_RUNTIME_DIR={}; chown -R {id}:{id} "$TMPDIR"
exec setpriv --reuid={id} --regid={id} --clear-groups "$@""#,
            home.display(),
            runtime.display()
        );
        started_by(&line, runner(Protocol::V19))
    }

    fn left(&self) -> Vec<String> {
        let files = |place: &str| {
            let entries = fs::read_dir(self.0.path().join(place)).into_iter().flatten();
            entries.map(|entry| entry.unwrap().path().display().to_string()).collect::<Vec<_>>()
        };
        [files("run/swarm-executor/jobs"), files("home/.local/state/swarm-executor/builds")]
            .concat()
    }
}

#[tokio::test]
async fn are_somebodys_own_where_gitlab_runner_is_not_root() -> Result<()> {
    let (scenario, somebody) = (Scenario::new()?, Somebody::new());
    let read_only = "mkdir -p $CI_PROJECT_DIR/cache/mod && chmod -R a-w $CI_PROJECT_DIR/cache";
    let script = [&MODES[..], &["docker node ls", read_only]].concat();
    let job = job(&scenario, &script);
    let outcome = somebody.runner().play(&job, &Cancel::default(), |_| {}).await;
    let log = outcome.log_text();
    assert!(outcome.is_success() && log.contains(&modes("nobody")), "{log}");
    assert!(log.contains(&somebody.runtime().join("swarm-executor/jobs").display().to_string()));
    assert_eq!(somebody.left(), [""; 0], "{log}");
    assert_nothing_left(&job, &log);
    Ok(())
}

#[tokio::test]
async fn are_emptied_by_somebody_else_than_root_after_a_sudden_death() -> Result<()> {
    let (scenario, somebody) = (Scenario::new()?, Somebody::new());
    let unmarked = ["env -i setsid sleep 1000 > /dev/null 2>&1 &"];
    let job = job(&scenario, &[&unmarked[..], &PROCESSES].concat());
    let watch = at(Moment::Said(BUSY), |run| run.signal(Signal::SIGKILL).unwrap());
    let outcome = somebody.runner().play(&job, &Cancel::default(), watch).await;
    let log = outcome.log_text();
    assert!(log.contains(BUSY), "{log}");
    assert_eq!(somebody.left(), [""; 0], "{log}");
    assert_nothing_left(&job, &log);
    Ok(())
}

/// What `/proc` has of a process without core dumps belongs to root
/// (<https://man7.org/linux/man-pages/man5/proc.5.html>).
#[tokio::test]
async fn of_the_key_in_memory_are_in_no_core_dump() -> Result<()> {
    let (scenario, somebody) = (Scenario::new()?, Somebody::new());
    let job = job(&scenario, &[SAY_BUSY, "echo script $(stat -c %u /proc/self/environ)"]);
    let mut owners = Vec::new();
    let watch = at(Moment::Said(BUSY), |run| {
        let agents = children(run.pid);
        assert_eq!(agents.len(), 1);
        owners = agents.into_iter().chain([run.pid]).map(owner_of_memory).collect();
    });
    let outcome = somebody.runner().play(&job, &Cancel::default(), watch).await;
    let log = outcome.log_text();
    assert!(log.contains(&format!("script {}\n", Somebody::ID)), "{log}");
    assert_eq!(owners, [0, 0], "{log}");
    Ok(())
}

fn children(parent: u32) -> Vec<u32> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let children = fs::read_to_string(path).unwrap_or_default();
    children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn owner_of_memory(pid: u32) -> u32 {
    fs::metadata(format!("/proc/{pid}/environ")).map_or(Somebody::ID, |found| found.uid())
}

#[tokio::test]
async fn that_are_full_are_named_and_nothing_is_left_there() -> Result<()> {
    let scenario = Scenario::new()?;
    let state = Path::new("/run/swarm-executor");
    fs::create_dir_all(state).unwrap();
    own_mounts();
    mount(&["-t", "tmpfs", "-o", "size=8k,mode=700", "tmpfs", "/run/swarm-executor"]);
    let job = job(&scenario, &["docker version"]);
    let outcome = runner(Protocol::V19).play(&job, &Cancel::default(), |_| {}).await;
    let log = outcome.log_text();
    assert_eq!(outcome.status, Status::SystemFailure, "{log}");
    assert!(log.contains("cert.pem: No space left on device"), "{log}");
    assert!(log.contains("hint: "), "{log}");
    let left: Vec<_> = fs::read_dir(state.join("jobs")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    assert_nothing_left(&job, &log);
    Ok(())
}

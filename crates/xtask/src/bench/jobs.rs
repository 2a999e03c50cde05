//! Jobs for the benchmark: what they are, who plays them, and one that waits while its gateway is
//! measured from outside.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use job::{Failure, Result};
use play::{Cancel, Event, Exec, Job, Outcome, Process, Runner, Status, Variable};
use tempfile::TempDir;
use testkit::nodes::{SwarmHandle, docker_over_tls};
use testkit::pki::Identity;
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// The image of jobs in containers.
pub(crate) const IMAGE: &str = "job:bash";

/// What a waiting job writes before its `DOCKER_HOST`.
const MARK: &str = "this job waits with DOCKER_HOST=";

/// A profile for each placement that sets as little as can be, so that those of this machine don't
/// matter.
const SETTINGS: &str = r#"
[profile.host]

[profile.engine]
placement = "engine"

[profile.engine.engine]
helper_image = "gitlab-helper:test"
pull_policy = "if-not-present"
"#;

/// Where scripts run.
#[derive(Clone, Copy)]
pub(crate) enum Placement {
    Host,
    Engine,
}

impl Placement {
    fn profile(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Engine => "engine",
        }
    }
}

/// Plays jobs with the credentials of one client.
pub(crate) struct Jobs {
    pub(crate) endpoint: String,
    pub(crate) client: Identity,
    programs: PathBuf,
    directory: TempDir,
    interrupted: CancellationToken,
}

/// A job that waits, from its script on.
pub(crate) struct Waiting {
    /// The script's `DOCKER_HOST`; empty in a container, where docker goes unled.
    docker_host: String,
    /// The process of `swarm-executor-run`.
    pub(crate) run: Process,
}

impl Waiting {
    /// Where the gateway of a job on this machine listens.
    pub(crate) fn socket(&self) -> &Path {
        Path::new(self.docker_host.trim_start_matches("unix://"))
    }

    /// A docker CLI at that gateway.
    pub(crate) fn docker(&self) -> Command {
        docker_over_socket(self.socket())
    }
}

impl Jobs {
    pub(crate) fn new(
        swarm: &SwarmHandle,
        programs: PathBuf,
        interrupted: CancellationToken,
    ) -> Result<Self> {
        let unusable = |error| Failure::system("no temporary directory").caused_by(error);
        let directory = tempfile::tempdir().map_err(unusable)?;
        let client = swarm.client()?;
        client.write_to(&directory.path().join("certificates"))?;
        std::fs::write(directory.path().join("settings.toml"), SETTINGS).map_err(unusable)?;
        let endpoint = swarm.manager().endpoint();
        Ok(Self { endpoint, client, programs, directory, interrupted })
    }

    /// A directory that lasts as long as this.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A runner with the four programs.
    pub(crate) fn runner(&self, placement: Placement) -> Runner {
        let stage = |name| Exec::new(self.program(name)).args(self.settings(placement));
        Runner::new(stage("run"))
            .config(stage("config"))
            .prepare(stage("prepare"))
            .cleanup(stage("cleanup"))
    }

    /// The same runner, except that what a stage writes goes elsewhere, in a shell's words.
    pub(crate) fn redirected_runner(&self, placement: Placement, to: &str) -> Runner {
        let redirected = format!("exec \"$0\" \"$@\" > {to}");
        let words = ["-c".into(), redirected.into(), self.program("run").into_os_string()];
        let shell = Exec::new("/bin/bash").args(words);
        Runner { run: shell.args(self.settings(placement)), ..self.runner(placement) }
    }

    fn program(&self, name: &str) -> PathBuf {
        self.programs.join(format!("swarm-executor-{name}"))
    }

    fn settings(&self, placement: Placement) -> [PathBuf; 4] {
        let settings = self.directory().join("settings.toml");
        ["--settings".into(), settings, "--profile".into(), placement.profile().into()]
    }

    /// A job without sources, with the four variables of the article's job and an id of its own.
    pub(crate) fn job(&self, script: &[&str]) -> Job {
        self.job_at(&self.endpoint, script)
    }

    /// The same job in a container, without a stage that needs the helper image.
    pub(crate) fn container_job(&self, endpoint: &str, script: &[&str]) -> Job {
        let job = self.job_at(endpoint, script).image(IMAGE);
        job.variable(Variable::new("GIT_STRATEGY", "none"))
    }

    fn job_at(&self, endpoint: &str, script: &[&str]) -> Job {
        let mut job = Job::new("bench").script(script.iter().copied());
        job.id = next_id();
        job.variable(Variable::new("DOCKER_SWARM_MASTER", endpoint))
            .variable(Variable::new("DOCKER_MACHINE_CA", &self.client.ca))
            .variable(Variable::new("DOCKER_MACHINE_CLIENT_CERT", &self.client.cert))
            .variable(Variable::new("DOCKER_MACHINE_CLIENT_KEY", &self.client.key))
    }

    /// The client's `ca.pem`, `cert.pem` and `key.pem`.
    pub(crate) fn certificates(&self) -> PathBuf {
        self.directory().join("certificates")
    }

    /// A docker CLI that talks to the cluster itself.
    pub(crate) fn docker_direct(&self) -> Command {
        docker_over_tls(&self.endpoint, &self.certificates())
    }

    /// Plays a job to its end, which must be a success.
    pub(crate) async fn play(
        &self,
        runner: &Runner,
        job: &Job,
        watcher: impl FnMut(Event) + Send,
    ) -> Result<Outcome> {
        let outcome = self.play_until(runner, job, &Cancel::default(), watcher).await;
        if outcome.is_success() { Ok(outcome) } else { Err(failed(&outcome)) }
    }

    /// Plays a job that waits once its script has run, and ends it when `measure` has ended.
    pub(crate) async fn waiting<T>(
        &self,
        runner: &Runner,
        mut job: Job,
        measure: impl AsyncFnOnce(&Waiting) -> Result<T>,
    ) -> Result<T> {
        let tell = format!("echo \"{MARK}${{DOCKER_HOST-}}\"");
        for step in &mut job.steps {
            step.script.extend([tell.clone(), "exec sleep infinity".to_owned()]);
        }
        let (ready, is_ready) = oneshot::channel();
        let cancel = Cancel::default();
        let mut playing =
            std::pin::pin!(self.play_until(runner, &job, &cancel, Lookout::new(ready).watcher()));
        let measured = tokio::select! {
            outcome = &mut playing => return Err(failed(&outcome)),
            measured = async { measure(&is_ready.await.map_err(lost)?).await } => measured,
        };
        cancel.abort();
        let outcome = playing.await;
        if outcome.status == Status::Cancelled { measured } else { Err(failed(&outcome)) }
    }

    /// Plays a job to whatever end, which Ctrl-C brings about as well.
    async fn play_until(
        &self,
        runner: &Runner,
        job: &Job,
        cancel: &Cancel,
        watcher: impl FnMut(Event) + Send,
    ) -> Outcome {
        let mut playing = std::pin::pin!(runner.play(job, cancel, watcher));
        tokio::select! {
            outcome = &mut playing => return outcome,
            () = self.interrupted.cancelled() => cancel.abort(),
        }
        playing.await
    }
}

fn docker_over_socket(socket: &Path) -> Command {
    let mut command = Command::new("docker");
    command.arg("--host").arg(format!("unix://{}", socket.display()));
    for variable in ["DOCKER_API_VERSION", "DOCKER_CERT_PATH", "DOCKER_CONTEXT", "DOCKER_HOST"] {
        command.env_remove(variable);
    }
    command.env_remove("DOCKER_TLS").env_remove("DOCKER_TLS_VERIFY");
    command.env("DOCKER_CONFIG", "/nonexistent");
    command
}

/// Reads the log of a job until it tells that it waits.
struct Lookout {
    ready: Option<oneshot::Sender<Waiting>>,
    run: Option<Process>,
    log: String,
}

impl Lookout {
    fn new(ready: oneshot::Sender<Waiting>) -> Self {
        Self { ready: Some(ready), run: None, log: String::new() }
    }

    fn watcher(mut self) -> impl FnMut(Event) + Send {
        move |event| match event {
            Event::Started(process) => self.run = Some(process),
            Event::Log(bytes) if self.ready.is_some() => {
                self.log.push_str(&String::from_utf8_lossy(&bytes));
                self.look();
            }
            Event::Log(_) | Event::Ended(_) => {}
        }
    }

    fn look(&mut self) {
        let told = self.log.lines().find_map(|line| line.strip_prefix(MARK));
        if let (Some(docker_host), true) = (told, self.log.ends_with('\n'))
            && let (Some(ready), Some(run)) = (self.ready.take(), self.run.clone())
        {
            // Whoever waited for it may have given up.
            let _ = ready.send(Waiting { docker_host: docker_host.to_owned(), run });
        }
    }
}

fn lost(error: oneshot::error::RecvError) -> Failure {
    Failure::system("a job ended before it waited").caused_by(error)
}

fn failed(outcome: &Outcome) -> Failure {
    let log = String::from_utf8_lossy(&outcome.log);
    let tail: Vec<_> = log.lines().rev().take(20).collect();
    let tail: String = tail.into_iter().rev().flat_map(|line| [line, "\n"]).collect();
    Failure::system(format!("a job that is measured ended as {:?}", outcome.status)).caused_by(tail)
}

/// An id that no other job on this machine has.
fn next_id() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    u64::from(std::process::id()) * 10_000 + COUNT.fetch_add(1, Ordering::Relaxed)
}

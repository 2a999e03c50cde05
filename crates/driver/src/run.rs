//! Stage run: one stage's script, from its file to its exit code.
//!
//! The script runs at its place under an agent; this process passes its output on as it comes,
//! hosts the gateway that the job's `docker` talks to, and turns a signal from gitlab-runner into
//! an orderly end. What SIGTERM ends is the script, not the place: gitlab-runner 16.9 and later
//! runs `after_script` in it (<https://docs.gitlab.com/runner/executors/custom/#terminating-and-killing-executables>).
//!
//! Placements differ in how the agent is reached and what it is told to start, which is in
//! [`host`] and [`engine`]; all else is one code.

mod attend;
mod cancel;
mod engine;
mod exit_code;
mod host;
mod reader;
mod rollouts;

use std::io;
use std::path::Path;

use agent::{AgentError, Exit, Session, Start};
use docker::Cluster;
use gateway::Gateway;
use gateway::policy::{OwnFiles, Permit};
use job::settings::{DockerAccess, Placement};
use job::{Ending, Failure, JobContext, Result};
use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::access::Access;
use crate::job_log::JobLog;
use crate::placement::Directories;
use crate::runtime;
use crate::stage::Stage;
use crate::state::{JobDirectory, StateDirectory};
use attend::{Attendant, Attended, Trouble};
use cancel::Signals;
use engine::InContainer;
use host::OnHost;
use rollouts::Rollouts;

const KILL: i32 = rustix::process::Signal::KILL.as_raw();

/// Runs the script at `path` for the stage called `name`.
pub(crate) fn run(stage: &Stage<'_>, path: &Path, name: &str) -> Result<Ending> {
    let job = JobContext::read(stage.environment)?;
    exit_code::clear(&job)?;
    let script = std::fs::read(path).map_err(|error| {
        Failure::system(format!("cannot read the script {} of stage {name}", path.display()))
            .caused_by(error)
            .hint("gitlab-runner writes it: let gitlab-runner start this program")
    })?;
    let span = tracing::info_span!(
        "script",
        job = %job.key,
        project = job.proofs.project(),
        profile = stage.arguments.profile,
        stage = name
    );
    let run = Script::new(stage, &job, name)?.run(&script).instrument(span);
    let ending = runtime::block_on(run)?;
    if let Ending::Script(code) = ending {
        exit_code::report(&job, code, stage.log);
    }
    Ok(ending)
}

/// A script and what it is given.
struct Script<'a> {
    stage: &'a Stage<'a>,
    job: &'a JobContext,
    /// What gitlab-runner calls this part of the job.
    part: job::Stage,
    directory: JobDirectory,
    granted: DockerAccess,
}

/// Where a script runs.
trait Place {
    /// Gets to the place's agent; `gateway` is for the job's docker.
    async fn open(&self, gateway: Option<&Gateway>) -> Result<Open>;

    /// What the shell's exit means, with a word in the job log where it needs one.
    async fn ending(&self, attended: Attended) -> Ending;

    /// Runs a small script of this program's own after the job's: as the same user, with no way to
    /// the cluster.
    async fn aside(&self, script: &[u8]) -> Result<Aside>;

    /// Whom and what a lost script is to be told with, when nothing of it runs any more.
    async fn lost(&self, trouble: Trouble) -> Failure;
}

/// How a small script of this program's own ended, and what it said.
struct Aside {
    exit: Exit,
    output: String,
}

impl Aside {
    /// How much of the output counts, in bytes.
    const LONGEST: u64 = 4096;

    async fn run(session: Session, start: Start, script: &[u8]) -> Result<Self, AgentError> {
        let mut running = session.start(start, script).await?;
        let mut output = Vec::new();
        (&mut running.output).take(Self::LONGEST).read_to_end(&mut output).await?;
        let exit = running.exited().await?;
        Ok(Self { exit, output: String::from_utf8_lossy(&output).into_owned() })
    }
}

/// A place at which an agent waits to be told what to start.
struct Open {
    session: Session,
    start: Start,
    /// What is done beside the script, such as serving its docker; it ends with this.
    beside: JoinSet<()>,
}

impl<'a> Script<'a> {
    fn new(stage: &'a Stage<'a>, job: &'a JobContext, name: &str) -> Result<Self> {
        let directory = StateDirectory::choose(stage.environment)?.job(&job.key);
        directory.belongs_to_attempt(job.attempt_directory.as_deref())?;
        let Ok(part) = name.parse::<job::Stage>();
        let housekeeping = part.is_housekeeping();
        let granted = if housekeeping { DockerAccess::None } else { stage.profile.docker_access };
        Ok(Self { stage, job, part, directory, granted })
    }

    async fn run(self, script: &[u8]) -> Result<Ending> {
        let signals = Signals::listen()?;
        let access = self.access()?;
        let access = access.as_ref();
        match self.stage.profile.placement {
            Placement::Host => {
                self.run_at(OnHost::new(&self, access)?, access, script, signals).await
            }
            Placement::Engine => {
                self.run_at(InContainer::new(&self, access)?, access, script, signals).await
            }
        }
    }

    /// Runs the script at its place, then waits for what it has set going on the cluster.
    async fn run_at(
        &self,
        place: impl Place,
        access: Option<&Access>,
        script: &[u8],
        mut signals: Signals,
    ) -> Result<Ending> {
        let Some(access) = access else {
            return self.attend_to(&place, None, script, &mut signals).await;
        };
        // Prepare has already told the job's log what there is to be warned of.
        let cluster = access.cluster(&self.stage.profile, |words| tracing::warn!("{words}"))?;
        let rollouts = Rollouts::begin(self, &cluster).await?;
        let gateway = self.gateway(&cluster, &rollouts)?;
        let ending = self.attend_to(&place, gateway.as_ref(), script, &mut signals).await;
        for touched in gateway.iter().flat_map(Gateway::touched) {
            let change = serde_json::to_string(&touched).unwrap_or_default();
            tracing::info!(change, "the script changed a service");
        }
        rollouts.conclude(ending, &place, &mut signals).await
    }

    async fn attend_to(
        &self,
        place: &impl Place,
        gateway: Option<&Gateway>,
        script: &[u8],
        signals: &mut Signals,
    ) -> Result<Ending> {
        let Open { session, start, beside: _beside } = place.open(gateway).await?;
        tracing::info!("starting the script");
        let attended = match session.start(start, script).await {
            Ok(running) => Attendant::new(self.stage, signals).attend(running).await,
            Err(error) => Err(error.into()),
        };
        match attended {
            Ok(attended) => Ok(place.ending(attended).await),
            Err(trouble) => Err(place.lost(trouble).await),
        }
    }

    /// The way to the cluster with prepare's credentials, when the script is given any.
    fn access(&self) -> Result<Option<Access>> {
        match self.granted {
            DockerAccess::Gateway | DockerAccess::Certificates => {
                Access::prepared(self.stage, self.job, &self.directory).map(Some)
            }
            DockerAccess::None => Ok(None),
        }
    }

    /// What serves the job's docker connections.
    fn gateway(&self, cluster: &Cluster, rollouts: &Rollouts<'_>) -> Result<Option<Gateway>> {
        if self.granted != DockerAccess::Gateway {
            return Ok(None);
        }
        let Stage { profile, environment, .. } = self.stage;
        let Directories { builds, cache, .. } =
            Directories::new(profile, &self.job.key, *environment)?;
        let policy = OwnFiles::new([builds, cache], rollouts.advising(Permit));
        let gateway = Gateway::new(cluster.engine().transport().clone(), policy);
        Ok(Some(rollouts.witnessing(gateway)))
    }
}

/// What gitlab-runner is told of an exit; a signal counts as shells count it.
fn ending(exit: Exit) -> Ending {
    match exit {
        Exit::Code(0) => Ending::Success,
        Exit::Code(code) => Ending::Script(code),
        Exit::Signal(signal) => Ending::Script(128 + signal),
        Exit::OutOfMemory => Ending::Script(128 + KILL),
    }
}

/// Tells of the signal that ended a script. `killer` is asked who sends SIGKILL unless a cancel did.
async fn tell_of_signal(
    log: JobLog,
    signal: i32,
    cancelled: bool,
    killer: impl Future<Output = String>,
) {
    let suspect = match signal {
        KILL if cancelled => " (SIGKILL): it was cancelled, and did not end in time".to_owned(),
        KILL => format!(" (SIGKILL): {}", killer.await),
        _ => String::new(),
    };
    log.warning(format!("the script was ended by signal {signal}{suspect}"));
}

fn log_closed(error: io::Error) -> Failure {
    Failure::system("the job log is closed").caused_by(error)
}

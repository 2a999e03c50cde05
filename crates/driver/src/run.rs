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

use std::io;
use std::path::Path;

use agent::{Exit, Session, Start};
use gateway::Gateway;
use gateway::policy::{OwnFiles, Permit};
use job::settings::{DockerAccess, Placement};
use job::{Ending, Failure, JobContext, Result};
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

    /// Whom and what a lost script is to be told with, when nothing of it runs any more.
    async fn lost(&self, trouble: Trouble) -> Failure;
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
        let gateway = self.gateway(access.as_ref())?;
        let gateway = gateway.as_ref();
        let ending = match self.stage.profile.placement {
            Placement::Host => {
                let place = OnHost::new(&self, access.as_ref())?;
                self.run_at(place, gateway, script, signals).await
            }
            Placement::Engine => {
                let place = InContainer::new(&self, access.as_ref())?;
                self.run_at(place, gateway, script, signals).await
            }
        };
        for touched in gateway.iter().flat_map(|gateway| gateway.touched()) {
            let change = serde_json::to_string(&touched).unwrap_or_default();
            tracing::info!(change, "the script changed a service");
        }
        ending
    }

    async fn run_at(
        &self,
        place: impl Place,
        gateway: Option<&Gateway>,
        script: &[u8],
        signals: Signals,
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
    fn gateway(&self, access: Option<&Access>) -> Result<Option<Gateway>> {
        let Some(access) = access.filter(|_| self.granted == DockerAccess::Gateway) else {
            return Ok(None);
        };
        // Prepare has already told the job's log what there is to be warned of.
        let Stage { profile, environment, .. } = self.stage;
        let cluster = access.cluster(profile, |words| tracing::warn!("{words}"))?;
        let Directories { builds, cache, .. } =
            Directories::new(profile, &self.job.key, *environment)?;
        let policy = OwnFiles::new([builds, cache], Permit);
        Ok(Some(Gateway::new(cluster.engine().transport().clone(), policy)))
    }
}

/// What gitlab-runner is told of an exit; a signal counts as shells count it.
fn ending(exit: Exit) -> Ending {
    match exit {
        Exit::Code(0) => Ending::Success,
        Exit::Code(code) => Ending::Script(code),
        Exit::Signal(signal) => Ending::Script(128 + signal),
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

//! Stage run: one stage's script, from its file to its exit code.
//!
//! The script runs at its place under an agent; this process passes its output on as it comes,
//! hosts the gateway that the job's `docker` talks to, and turns a signal from gitlab-runner into
//! an orderly end. What SIGTERM ends is the script, not the place: gitlab-runner 16.9 and later
//! runs `after_script` in it (<https://docs.gitlab.com/runner/executors/custom/#terminating-and-killing-executables>).

mod cancel;
mod exit_code;
mod reader;
mod socket;

use std::io;
use std::path::{Path, PathBuf};

use agent::{AgentError, Exit, Output, Running, Session, Start, Stopper};
use cancel::Signals;
use gateway::Gateway;
use gateway::policy::Permit;
use job::settings::DockerAccess;
use job::{Ending, Failure, JobContext, Result};
use socket::Socket;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::access::Access;
use crate::placement::{HostPlace, end_processes, mark, script_environment};
use crate::runtime;
use crate::stage::Stage;
use crate::state::{JobDirectory, StateDirectory};

/// How much output is read at once, in bytes.
const OUTPUT_BUFFER: usize = 256 * 1024;

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
    let exit = runtime::block_on(run)?;
    let ending = ending(stage, exit);
    if let Ending::Script(code) = ending {
        exit_code::report(&job, code, stage.log);
    }
    Ok(ending)
}

/// A script and what it is given.
struct Script<'a> {
    stage: &'a Stage<'a>,
    job: &'a JobContext,
    directory: JobDirectory,
    granted: DockerAccess,
}

impl<'a> Script<'a> {
    fn new(stage: &'a Stage<'a>, job: &'a JobContext, name: &str) -> Result<Self> {
        let directory = StateDirectory::choose(stage.environment)?.job(&job.key);
        directory.belongs_to_attempt(job.attempt_directory.as_deref())?;
        let Ok(parsed) = name.parse::<job::Stage>();
        let housekeeping = parsed.is_housekeeping();
        let granted = if housekeeping { DockerAccess::None } else { stage.profile.docker_access };
        Ok(Self { stage, job, directory, granted })
    }

    async fn run(self, script: &[u8]) -> Result<Exit> {
        let signals = Signals::listen()?;
        let access = self.access()?;
        let start = self.start(access.as_ref())?;
        let gateway = self.gateway(access)?;
        let _serving = gateway.as_ref().map(|gateway| self.serve(gateway)).transpose()?;
        let duplex = agent::host::spawn(&agent_program()?, Some(&mark(&self.job.key)))
            .map_err(agent_failure)?;
        let (session, _) = Session::open(duplex);
        tracing::info!("starting the script");
        let running = session.start(start, script).await.map_err(agent_failure)?;
        let attended = self.attend(running, signals).await;
        if attended.is_err() {
            self.end_orphans().await;
        }
        let exit = attended?;
        for touched in gateway.iter().flat_map(Gateway::touched) {
            let change = serde_json::to_string(&touched).unwrap_or_default();
            tracing::info!(change, "the script changed a service");
        }
        Ok(exit)
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
    fn gateway(&self, access: Option<Access>) -> Result<Option<Gateway>> {
        let Some(access) = access.filter(|_| self.granted == DockerAccess::Gateway) else {
            return Ok(None);
        };
        // Prepare has already told the job's log what there is to be warned of.
        let cluster = access.cluster(self.stage, |words| tracing::warn!("{words}"))?;
        Ok(Some(Gateway::new(cluster.engine().transport().clone(), Permit)))
    }

    /// Serves the job's docker clients until the set is dropped, which removes the socket too.
    fn serve(&self, gateway: &Gateway) -> Result<JoinSet<()>> {
        let (gateway, socket) = (gateway.clone(), Socket::listen(&self.directory.socket())?);
        let mut serving = JoinSet::new();
        let serve = async move { gateway.serve_all(socket.connections()).await };
        serving.spawn(serve.in_current_span());
        Ok(serving)
    }

    fn start(&self, access: Option<&Access>) -> Result<Start> {
        let place = HostPlace::new(&self.stage.profile, &self.job.key, self.stage.environment)?;
        let endpoint = access.map(|access| access.endpoint.to_string());
        let environment =
            script_environment(self.job, self.granted, endpoint.as_deref(), &self.directory);
        let command = vec![self.stage.profile.shell.name().into()];
        Ok(Start { command, environment, directory: place.builds_directory, ..Start::default() })
    }

    /// Passes the output on until the script has ended, by itself, by a signal to this process, or
    /// because nobody reads the job log any more.
    async fn attend(&self, mut running: Running, mut signals: Signals) -> Result<Exit> {
        let stopper = running.stopper();
        let copied = self.heeding(&mut signals, &stopper, pass_on(&mut running.output)).await;
        if copied.is_err() {
            stopper.stop(self.stage.profile.stop_grace);
        }
        let exit = self.heeding(&mut signals, &stopper, running.exited()).await;
        let exit = exit.map_err(agent_failure)?;
        copied.map_err(|error| Failure::system("the job log is closed").caused_by(error))?;
        Ok(exit)
    }

    /// Waits for `work`; meanwhile a signal to this process becomes the script's end.
    async fn heeding<T>(
        &self,
        signals: &mut Signals,
        stopper: &Stopper,
        work: impl Future<Output = T>,
    ) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = signals.next() => self.cancel(signals, stopper).await,
            }
        }
    }

    async fn cancel(&self, signals: &Signals, stopper: &Stopper) {
        let grace = signals.grace(self.stage.profile.stop_grace);
        stopper.stop(grace);
        tracing::info!(?grace, "cancelled");
        let words = if grace.is_zero() {
            "Cancelled: killing the script's processes".to_owned()
        } else {
            format!("Cancelled: ending the script's processes, killing them after {grace:?}")
        };
        // The log may have to wait for its reader; the stop must not.
        let log = self.stage.log;
        let _ = tokio::task::spawn_blocking(move || log.line(words)).await;
    }

    /// Ends what an agent left that died before its script did.
    async fn end_orphans(&self) {
        match end_processes(&self.job.key, self.stage.profile.stop_grace).await {
            Ok(ended) => tracing::warn!(ended, "ended the script's processes"),
            Err(failure) => self.stage.log.failure(&failure),
        }
    }
}

/// Copies the script's output to the job log, to its end or until nobody reads it.
async fn pass_on(output: &mut Output) -> io::Result<()> {
    let mut output = BufReader::with_capacity(OUTPUT_BUFFER, output);
    let mut stdout = tokio::io::stdout();
    tokio::select! {
        copied = tokio::io::copy_buf(&mut output, &mut stdout) => copied?,
        () = reader::gone() => return Err(io::ErrorKind::BrokenPipe.into()),
    };
    stdout.flush().await
}

/// The agent's program, installed beside this one.
fn agent_program() -> Result<PathBuf> {
    let this = std::env::current_exe().map_err(|error| {
        Failure::system("cannot tell where this program is installed")
            .caused_by(error)
            .hint("let gitlab-runner's user read /proc")
    })?;
    Ok(this.with_file_name("swarm-executor-agent"))
}

/// Whether the script can't be started or was lost, both are the system's.
fn agent_failure(error: AgentError) -> Failure {
    let (message, hint) = match &error {
        AgentError::Spawn { .. }
        | AgentError::Stranger { .. }
        | AgentError::OtherRelease { .. } => (
            "cannot start the script",
            "install swarm-executor-agent beside the other programs, all from one release",
        ),
        AgentError::Refused { .. } => (
            "cannot start the script",
            "look at PATH and the rights that gitlab-runner's user has on this runner machine",
        ),
        AgentError::Silent { .. }
        | AgentError::Lost
        | AgentError::OutOfReach { .. }
        | AgentError::Denied(_)
        | AgentError::Broken(_) => (
            "the script was lost",
            "look in this runner machine's journal for what ended swarm-executor-agent, such as a \
             lack of memory; then retry the job",
        ),
    };
    Failure::system(message).caused_by(error).hint(hint)
}

fn ending(stage: &Stage<'_>, exit: Exit) -> Ending {
    match exit {
        Exit::Code(0) => Ending::Success,
        Exit::Code(code) => Ending::Script(code),
        Exit::Signal(signal) => {
            stage
                .log
                .warning(format!("the script was ended by signal {signal}{}", suspect(signal)));
            Ending::Script(128 + signal)
        }
    }
}

/// Who sends such a signal when nobody else has.
fn suspect(signal: i32) -> &'static str {
    if signal == rustix::process::Signal::KILL.as_raw() {
        " (SIGKILL): this runner machine's journal tells whether memory ran out"
    } else {
        ""
    }
}

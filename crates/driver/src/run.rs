//! Stage run: one stage's script, from its file to its exit code.
//!
//! The script runs at its place under an agent; this process passes its output on as it comes,
//! hosts the gateway that the job's `docker` talks to, and turns a signal from gitlab-runner into
//! an orderly end. What SIGTERM ends is the script, not the place: gitlab-runner 16.9 and later
//! runs `after_script` in it (<https://docs.gitlab.com/runner/executors/custom/#terminating-and-killing-executables>).

mod cancel;
mod exit_code;

use std::path::{Path, PathBuf};

use agent::{AgentError, DockerConnection, DockerConnections, Exit, Running, Session, Start};
use futures::Stream;
use gateway::Gateway;
use gateway::policy::Permit;
use job::settings::DockerAccess;
use job::{Ending, Failure, JobContext, Result};
use tokio::io::{AsyncWriteExt, BufReader};

use crate::access::Access;
use crate::placement::{HostPlace, script_environment};
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
    let exit = runtime::block_on(Script::new(stage, &job, name)?.run(&script))?;
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
    name: &'a str,
    directory: JobDirectory,
    access: DockerAccess,
}

impl<'a> Script<'a> {
    fn new(stage: &'a Stage<'a>, job: &'a JobContext, name: &'a str) -> Result<Self> {
        let directory = StateDirectory::choose(stage.environment)?.job(&job.key);
        let Ok(parsed) = name.parse::<job::Stage>();
        let housekeeping = parsed.is_housekeeping();
        let access = if housekeeping { DockerAccess::None } else { stage.profile.docker_access };
        Ok(Self { stage, job, name, directory, access })
    }

    async fn run(self, script: &[u8]) -> Result<Exit> {
        let signals = cancel::Signals::listen()?;
        let duplex = agent::host::spawn(&agent_program()?).map_err(agent_failure)?;
        let (session, connections) = Session::open(duplex).await.map_err(agent_failure)?;
        let cluster = self.cluster()?;
        let start = self.start(cluster.as_ref())?;
        let gateway = self.gateway(cluster, connections)?;
        tracing::info!(job = %self.job.key, stage = self.name, "starting the script");
        let running = session.start(start, script).await.map_err(agent_failure)?;
        let exit = self.attend(running, signals).await?;
        if let Some(gateway) = gateway {
            tracing::info!(touched = ?gateway.touched(), "services that the script changed");
        }
        Ok(exit)
    }

    /// The cluster with prepare's credentials, when the script is given any way to it.
    fn cluster(&self) -> Result<Option<Access>> {
        match self.access {
            DockerAccess::Gateway | DockerAccess::Certificates => {
                Access::prepared(self.stage, self.job, &self.directory).map(Some)
            }
            DockerAccess::None => Ok(None),
        }
    }

    /// Serves the job's docker connections for as long as this process lives.
    fn gateway(
        &self,
        cluster: Option<Access>,
        connections: DockerConnections,
    ) -> Result<Option<Gateway>> {
        let Some(access) = cluster.filter(|_| self.access == DockerAccess::Gateway) else {
            return Ok(None);
        };
        // Prepare has already told the job's log what there is to be warned of.
        let cluster = access.cluster(self.stage, |words| tracing::warn!("{words}"))?;
        let gateway = Gateway::new(cluster.transport().clone(), Permit);
        let serving = gateway.clone();
        tokio::spawn(async move { serving.serve_all(arrivals(connections)).await });
        Ok(Some(gateway))
    }

    fn start(&self, cluster: Option<&Access>) -> Result<Start> {
        let place = HostPlace::new(&self.stage.profile, &self.job.key, self.stage.environment)?;
        let endpoint = cluster.map(|access| access.endpoint.to_string());
        let environment =
            script_environment(self.job, self.access, endpoint.as_deref(), &self.directory);
        let sockets = match self.access {
            DockerAccess::Gateway => vec![self.directory.socket()],
            DockerAccess::Certificates | DockerAccess::None => Vec::new(),
        };
        let command = vec![self.stage.profile.shell.name().into()];
        Ok(Start { command, environment, directory: place.builds_directory, sockets })
    }

    /// Passes the output on until the script has ended, by itself or by a signal to this process.
    async fn attend(&self, mut running: Running, mut signals: cancel::Signals) -> Result<Exit> {
        let stopper = running.stopper();
        let copied = {
            let mut output = BufReader::with_capacity(OUTPUT_BUFFER, &mut running.output);
            let mut stdout = tokio::io::stdout();
            let copy = async {
                let copied = tokio::io::copy_buf(&mut output, &mut stdout).await;
                copied.and(stdout.flush().await)
            };
            tokio::pin!(copy);
            loop {
                tokio::select! {
                    copied = &mut copy => break copied,
                    () = signals.next() => self.cancel(&mut signals, &stopper),
                }
            }
        };
        if copied.is_err() {
            // Nobody reads the job log any more: gitlab-runner is gone.
            stopper.stop(self.stage.profile.stop_grace);
        }
        let exit = running.exited().await.map_err(agent_failure)?;
        copied.map_err(|error| Failure::system("the job log is closed").caused_by(error))?;
        Ok(exit)
    }

    fn cancel(&self, signals: &mut cancel::Signals, stopper: &agent::Stopper) {
        tracing::info!(job = %self.job.key, stage = self.name, "cancelled");
        stopper.stop(signals.grace(self.stage.profile.stop_grace));
    }
}

/// The job's docker connections, as the gateway takes them.
fn arrivals(connections: DockerConnections) -> impl Stream<Item = DockerConnection> {
    futures::stream::unfold(connections, |mut connections| async {
        Some((connections.accept().await?, connections))
    })
}

/// The agent's program, installed beside this one.
fn agent_program() -> Result<PathBuf> {
    let this = std::env::current_exe().map_err(|error| {
        Failure::system("cannot tell where this program is installed").caused_by(error)
    })?;
    Ok(this.with_file_name("swarm-executor-agent"))
}

fn agent_failure(error: AgentError) -> Failure {
    Failure::system("the script's agent failed").caused_by(error)
}

fn ending(stage: &Stage<'_>, exit: Exit) -> Ending {
    match exit {
        Exit::Code(0) => Ending::Success,
        Exit::Code(code) => Ending::Script(code),
        Exit::Signal(signal) => {
            stage.log.warning(format!("the script was ended by signal {signal}"));
            Ending::Script(128 + signal)
        }
    }
}

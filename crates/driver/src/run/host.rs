//! A script on the runner machine: the agent is a child process, the gateway listens beside it.

mod socket;

use agent::{AgentError, Exit, Session, Start};
use gateway::Gateway;
use job::{Ending, Failure, Result};
use tokio::task::JoinSet;
use tracing::Instrument;

use super::attend::{Attended, Trouble};
use super::{Aside, Open, Place, Script};
use crate::access::Access;
use crate::installed;
use crate::placement::{HostPlace, end_processes, mark, script_environment};
use socket::Socket;

/// Who has killed a script is known here by nobody else.
const KILLER: &str = "this runner machine's journal tells whether memory ran out";

/// The runner machine as the place of a script.
pub(super) struct OnHost<'a> {
    script: &'a Script<'a>,
    start: Start,
}

impl<'a> OnHost<'a> {
    pub(super) fn new(script: &'a Script<'a>, access: Option<&Access>) -> Result<Self> {
        let Script { stage, job, .. } = script;
        let place = HostPlace::new(&stage.profile, &job.key, stage.environment)?;
        let endpoint = access.map(|access| access.endpoint.to_string());
        let environment =
            script_environment(job, script.granted, endpoint.as_deref(), &script.directory);
        let command = vec![stage.profile.shell.name().into()];
        let directory = place.builds_directory;
        Ok(Self { script, start: Start { command, environment, directory, ..Start::default() } })
    }

    fn session(&self) -> Result<Session> {
        let mark = mark(&self.script.job.key);
        let duplex = agent::host::spawn(&installed::beside(installed::AGENT)?, Some(&mark));
        Ok(Session::open(duplex.map_err(failure)?).0)
    }

    /// Serves the job's docker clients until the set is dropped, which removes the socket too.
    fn serve(&self, gateway: &Gateway) -> Result<JoinSet<()>> {
        let (gateway, socket) = (gateway.clone(), Socket::listen(&self.script.directory.socket())?);
        let mut serving = JoinSet::new();
        let serve = async move { gateway.serve_all(socket.connections()).await };
        serving.spawn(serve.in_current_span());
        Ok(serving)
    }

    /// Ends what an agent left that died before its script did.
    async fn end_orphans(&self) {
        let Script { stage, job, .. } = self.script;
        match end_processes(&job.key, stage.profile.stop_grace).await {
            Ok(ended) => tracing::warn!(ended, "ended the script's processes"),
            Err(failure) => stage.log.failure(&failure),
        }
    }
}

impl Place for OnHost<'_> {
    async fn open(&self, gateway: Option<&Gateway>) -> Result<Open> {
        let serving = gateway.map(|gateway| self.serve(gateway)).transpose()?;
        let (session, start) = (self.session()?, self.start.clone());
        Ok(Open { session, start, beside: serving.unwrap_or_default() })
    }

    async fn aside(&self, script: &[u8]) -> Result<Aside> {
        Aside::run(self.session()?, self.start.clone(), script).await.map_err(failure)
    }

    async fn ending(&self, Attended { exit, cancelled }: Attended) -> Ending {
        if let Exit::Signal(signal) = exit {
            let log = self.script.stage.log;
            let killer = async { KILLER.to_owned() };
            super::tell_of_signal(log, signal, cancelled, killer).await;
        }
        super::ending(exit)
    }

    async fn lost(&self, trouble: Trouble) -> Failure {
        let refused = matches!(trouble, Trouble::Agent(AgentError::Refused { .. }));
        if !refused {
            self.end_orphans().await;
        }
        match trouble {
            Trouble::Agent(error) => failure(error),
            Trouble::Log(error) => super::log_closed(error),
        }
    }
}

/// Whether the script can't be started or was lost, both are the system's.
fn failure(error: AgentError) -> Failure {
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

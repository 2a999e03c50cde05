//! A script in a container: its agent is reached by an attach to the container's first process,
//! after a cut by an exec, and the job's docker connections come back over the same stream.

use std::ffi::OsString;
use std::io;
use std::pin::pin;
use std::time::{Duration, SystemTime};

use agent::{AgentError, DockerConnections, Exit, PrivateFile, Session, Start};
use bollard::Docker;
use docker::Engine;
use docker::containers::ending::{self, End, Life};
use docker::containers::services;
use docker::local_tls::LocalTls;
use futures::StreamExt;
use gateway::Gateway;
use job::settings::{DockerAccess, Limits};
use job::{Ending, Failure, JobContext, Result};
use tokio::task::JoinSet;
use tracing::Instrument;

use super::attend::{Attended, Trouble};
use super::{Aside, Open, Place, Script};
use crate::access::{Access, EngineAccess};
use crate::job_log::JobLog;
use crate::placement::{Container, Containers, Offer, Reach, Service};

/// What runs a script, in the order of preference: the first that the image has.
const SHELLS: [&str; 2] = ["bash", "sh"];

/// What gitlab-runner's own scripts make is everybody's, as GitLab's own helper makes it
/// (<https://gitlab.com/gitlab-org/gitlab-runner/-/blob/v19.4.0/dockerfiles/runner-helper/helpers/gitlab-runner-build>):
/// the build container may have another user.
const HELPER_UMASK: u32 = 0;

/// A container as the place of a script.
pub(super) struct InContainer<'a> {
    script: &'a Script<'a>,
    access: Option<&'a Access>,
    engine: Engine,
    containers: Containers,
    /// To the agent in the container of this part of the job.
    reach: Reach,
    /// What the script's docker finds, if this part of the job is given any.
    offer: Offer,
}

impl<'a> InContainer<'a> {
    pub(super) fn new(script: &'a Script<'a>, access: Option<&'a Access>) -> Result<Self> {
        let Script { stage, job, directory, .. } = script;
        let record = directory.record();
        let prepared = record.as_ref().and_then(|record| record.engine()?.containers.clone());
        let containers = prepared.ok_or_else(|| {
            Failure::system("it is unknown which containers this job has")
                .hint("run needs a prepare before it, and no cleanup in between: retry the job")
        })?;
        let way = EngineAccess::prepared(stage, job, directory)?;
        let engine = way.engine(&stage.profile, |words| tracing::warn!("{words}"))?;
        let offer = match script.granted {
            DockerAccess::None => Offer::Nothing,
            DockerAccess::Gateway | DockerAccess::Certificates => containers.offer.clone(),
        };
        let reach = Reach::new(&engine, containers.of(&script.part), directory);
        Ok(Self { script, access, engine, containers, reach, offer })
    }

    /// The helper container, if this part of the job is for it.
    fn helper(&self) -> Option<&Container> {
        self.containers.helper_of(&self.script.part)
    }

    fn container(&self) -> &Container {
        self.containers.of(&self.script.part)
    }

    fn session(&self) -> Result<(Session, DockerConnections), AgentError> {
        self.reach.session(self.script.stage.profile.engine.reconnect_timeout)
    }

    fn start(&self, tls: Option<&LocalTls>) -> Start {
        let container = self.container();
        // A build container that stands in for the helper has to do with it as little as that.
        let is_helpers = self.script.part.runs_in_helper();
        let entrypoint = if is_helpers { &[][..] } else { &container.entrypoint };
        let mut environment = if is_helpers { Vec::new() } else { self.variables() };
        let mut files: Vec<PrivateFile> =
            tls.map(|tls| self.offer.tls_files(tls)).unwrap_or_default();
        if let Some(access) = self.access {
            environment.extend(self.offer.environment(&access.endpoint.to_string()));
            files.extend(self.offer.certificates(&access.credentials));
        }
        Start {
            command: entrypoint.iter().map(OsString::from).collect(),
            shells: SHELLS.map(OsString::from).to_vec(),
            environment,
            inherit: true,
            directory: container.directory.clone(),
            sockets: self.offer.sockets(),
            files,
            umask: is_helpers.then_some(HELPER_UMASK),
        }
    }

    /// The job's variables: the script sets them itself, but an image's ENTRYPOINT comes before it.
    fn variables(&self) -> Vec<(OsString, OsString)> {
        let claims = self.script.job.claims.iter();
        claims.map(|(name, value)| (name.into(), value.into())).collect()
    }

    /// Serves the job's docker clients, whose connections the agent hands on, and tells what the
    /// services say, if the job wants to know.
    fn beside(
        &self,
        gateway: Option<&Gateway>,
        tls: Option<LocalTls>,
        connections: DockerConnections,
    ) -> Result<JoinSet<()>> {
        let mut beside = JoinSet::new();
        if let Some(gateway) = gateway.cloned() {
            let tls = tls.zip(self.offer.tls_socket());
            beside.spawn(serve(gateway, tls, connections).in_current_span());
        }
        if !self.script.part.runs_in_helper() && wants_service_logs(self.script.job) {
            let docker = self.engine.docker()?;
            // The first script of the job's own is told all that they have said so far.
            let from_now = self.script.part != job::Stage::Build;
            for service in &self.containers.services {
                let (docker, service) = (docker.clone(), service.clone());
                beside.spawn(tell(docker, service, from_now, self.script.stage.log));
            }
        }
        Ok(beside)
    }
}

impl Place for InContainer<'_> {
    async fn open(&self, gateway: Option<&Gateway>) -> Result<Open> {
        let tls = match self.offer.tls_socket() {
            Some(_) => Some(LocalTls::mint(self.offer.tls_names(), SystemTime::now())?),
            None => None,
        };
        let start = self.start(tls.as_ref());
        let (session, connections) = match self.session() {
            Ok(opened) => opened,
            Err(error) => return Err(self.lost(error.into()).await),
        };
        Ok(Open { session, start, beside: self.beside(gateway, tls, connections)? })
    }

    async fn aside(&self, script: &[u8]) -> Result<Aside> {
        let start = Start {
            shells: SHELLS.map(OsString::from).to_vec(),
            inherit: true,
            directory: self.container().directory.clone(),
            ..Start::default()
        };
        let ran = async { Aside::run(self.session()?.0, start, script).await };
        match ran.await {
            Ok(aside) => {
                self.reach.ended_in_order();
                Ok(aside)
            }
            Err(error) => Err(self.lost(error.into()).await),
        }
    }

    async fn ending(&self, Attended { exit, cancelled }: Attended) -> Ending {
        self.reach.ended_in_order();
        if let Some(signal) = exit.signal() {
            let log = self.script.stage.log;
            super::tell_of_signal(log, signal, cancelled, self.killer(exit)).await;
        }
        super::ending(exit)
    }

    async fn lost(&self, trouble: Trouble) -> Failure {
        match trouble {
            Trouble::Agent(AgentError::Refused { reason }) => self.refused(&reason),
            Trouble::Agent(AgentError::OutOfReach { silent, source }) => {
                self.out_of_reach(silent, source).await
            }
            Trouble::Agent(error) => Failure::system("the script was lost")
                .caused_by(error)
                .hint("look at the engine's log for what became of the job's container; then retry the job"),
            Trouble::Log(error) => super::log_closed(error),
        }
    }
}

impl InContainer<'_> {
    /// Who has killed a script, as far as it can be told. The engine is asked where the agent has seen
    /// nothing: there are containers that don't see what the kernel counts.
    async fn killer(&self, exit: Exit) -> String {
        let out_of_memory = match exit {
            Exit::OutOfMemory => Some(true),
            _ => self.end().await.map(|end| end.out_of_memory),
        };
        match (out_of_memory, self.limits().and_then(|limits| limits.memory)) {
            (Some(true), Some(limit)) => format!(
                "its container was out of memory, of which it may have {limit}: let the script need \
                 less, or the runner's keeper raise `memory`"
            ),
            (Some(true), None) => "the engine's machine was out of memory".to_owned(),
            (Some(false), _) => {
                "by something in its own container, for its memory was enough".to_owned()
            }
            (None, _) => "the engine can't be asked whether memory ran out".to_owned(),
        }
    }

    /// The limits of the build container, if this part of the job is in it.
    fn limits(&self) -> Option<Limits> {
        let Script { stage, job, .. } = self.script;
        let engine = stage.profile.engine.clone().lowered_by(|name| job.variable(name)).ok()?;
        self.helper().is_none().then_some(engine.limits)
    }

    /// What became of the container, if the engine tells.
    async fn end(&self) -> Option<End> {
        let docker = self.engine.docker().ok()?;
        let end = ending::of(&docker, &self.container().id).await;
        end.inspect_err(|failure| tracing::warn!(%failure, "the container's end is unknown")).ok()
    }

    /// What the job's own image lacks is the job's to mend.
    fn refused(&self, reason: &str) -> Failure {
        if self.helper().is_some() {
            return Failure::system(format!(
                "cannot start the script in the helper container: {reason}"
            ))
            .hint("use GitLab's helper image, or one that is made from it");
        }
        Failure::job(format!("cannot start the script in the job's image: {reason}")).hint(
            "name an image for the engine's platform that has bash or sh, and whose working \
             directory its user can enter",
        )
    }

    async fn out_of_reach(&self, silent: Duration, source: io::Error) -> Failure {
        let what = match self.end().await.map(|end| (end.life, end.out_of_memory)) {
            Some((Life::Gone, _)) => "was removed while its script ran".to_owned(),
            Some((Life::Exited(_), true)) => "was ended for want of memory".to_owned(),
            Some((Life::Exited(code), false)) => format!("has ended with exit code {code}"),
            Some((Life::Created | Life::Running, _)) | None => {
                let time = humantime::format_duration(Duration::from_secs(silent.as_secs()));
                return Failure::system(format!(
                    "lost contact with the engine for {time}: how the script ended is unknown"
                ))
                .caused_by(source)
                .hint("mend the network between runner machine and engine, or raise reconnect_timeout; then retry the job");
            }
        };
        Failure::system(format!("the job's container {what}"))
            .caused_by(source)
            .hint("somebody removed it, or its engine was restarted: retry the job")
    }
}

/// Serves connections to the gateway as they come. The socket of this number speaks TLS first.
async fn serve(
    gateway: Gateway,
    tls: Option<(LocalTls, usize)>,
    mut connections: DockerConnections,
) {
    let mut clients = JoinSet::new();
    while let Some(connection) = connections.accept().await {
        let gateway = gateway.clone();
        let tls = tls.as_ref().filter(|(_, socket)| *socket == connection.socket());
        let tls = tls.map(|(tls, _)| tls.clone());
        let client = async move {
            match tls {
                None => gateway.serve(connection).await,
                Some(tls) => match tls.accept(connection).await {
                    Ok(connection) => gateway.serve(connection).await,
                    Err(error) => tracing::debug!(%error, "a docker client without TLS"),
                },
            }
        };
        clients.spawn(client.in_current_span());
        while clients.try_join_next().is_some() {}
    }
    clients.join_all().await;
}

/// <https://docs.gitlab.com/ci/services/#capturing-service-container-logs>
fn wants_service_logs(job: &JobContext) -> bool {
    matches!(job.claims.get("CI_DEBUG_SERVICES"), Some("true" | "TRUE" | "True" | "1" | "t" | "T"))
}

/// Tells what a service says, line by line.
async fn tell(docker: Docker, service: Service, from_now: bool, log: JobLog) {
    let after =
        from_now.then(SystemTime::now).map(|now| humantime::format_rfc3339(now).to_string());
    let mut lines = pin!(services::follow(&docker, &service.id, after));
    while let Some(line) = lines.next().await {
        match line {
            Ok(line) => log.line(format!("[service:{}] {}", service.name, line.text)),
            Err(failure) => return tracing::warn!(%failure, "a service's log is cut off"),
        }
    }
}

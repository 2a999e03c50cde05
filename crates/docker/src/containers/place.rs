//! A job's containers made and started.
//!
//! What is usually there is not looked for: it is made when the engine says that it is missing, and
//! the request repeated. That is a container of the same name that a killed prepare left (removed),
//! the shared network (made), the agent in its volume (delivered).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error;
use bollard::query_parameters::{
    CreateContainerOptions, StartContainerOptions, UploadToContainerOptions,
};
use job::settings::Engine;
use job::{Failure, Result};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::agent::{AGENT_DIRECTORY, AgentProgram, bridge_command};
use super::leftovers::Leftover;
use super::marks::{JobMarks, Role};
use super::network::Network;
use super::plan::{Plan, Spec, Subject};
use super::refusal::Answer;
use super::trouble::{MAKE_ROOM, Trouble};

/// How often a request is made, with what was missing brought in between.
const ATTEMPTS: u32 = 5;

/// The pause between two attempts, for rivals who bring the same to be done.
const PAUSE: Duration = Duration::from_millis(50);

/// Longest wait for a container that stands in the way to be gone.
const REMOVING: Duration = Duration::from_secs(30);

/// One job's containers on one engine. Clones are the same.
#[derive(Clone, Debug)]
pub struct JobContainers {
    docker: Docker,
    marks: JobMarks,
    network: Network,
    agent: Arc<AgentProgram>,
    deliveries: Arc<Deliveries>,
}

/// One job's deliveries of the agent, of which there is one at a time.
#[derive(Debug, Default)]
struct Deliveries {
    done: AtomicU32,
    under_way: Mutex<()>,
}

/// A container of a job. Prepare can write it down, for a stage that starts it later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// The engine's name for it.
    pub id: String,
    subject: Subject,
}

impl JobContainers {
    /// Those of the job with these marks. Nothing is made yet.
    pub fn new(docker: &Docker, marks: JobMarks, network: Network, agent: AgentProgram) -> Self {
        let (docker, agent) = (docker.clone(), Arc::new(agent));
        Self { docker, marks, network, agent, deliveries: Arc::default() }
    }

    /// How they are to be, by a profile.
    pub fn plan<'a>(&'a self, engine: &'a Engine) -> Plan<'a> {
        Plan { marks: &self.marks, network: self.network, agent: &self.agent, engine }
    }

    /// Makes the network, if it is the job's own; the shared one is made when it is missed.
    ///
    /// # Errors
    /// The system's: the engine is away, or has no addresses left.
    pub async fn make_network(&self) -> Result<()> {
        match self.network {
            Network::Own => self.network.make(&self.docker, &self.marks).await,
            Network::Shared => Ok(()),
        }
    }

    /// Makes a container and its volumes. One of the same name, which only an earlier attempt at
    /// this very job can have left, is replaced.
    ///
    /// # Errors
    /// With the blame of whoever asked for what the engine doesn't take.
    pub async fn create(&self, spec: Spec) -> Result<Container> {
        let Spec { subject, body } = spec;
        let options = CreateContainerOptions {
            name: Some(self.marks.container(subject.role)),
            platform: subject.platform.clone().unwrap_or_default(),
        };
        let create =
            async || self.docker.create_container(Some(options.clone()), body.clone()).await;
        let created = self.mending(&subject, create).await?;
        Ok(Container { id: created.id, subject })
    }

    /// Starts a container, after it was given what is missing: network or agent.
    ///
    /// # Errors
    /// With the blame of whoever asked for what the engine doesn't take.
    pub async fn start(&self, container: &Container) -> Result<()> {
        let options = None::<StartContainerOptions>;
        let start = async || self.docker.start_container(&container.id, options.clone()).await;
        self.mending(&container.subject, start).await
    }

    async fn mending<T>(
        &self,
        subject: &Subject,
        request: impl AsyncFn() -> Result<T, Error>,
    ) -> Result<T> {
        let mut attempts = 1..ATTEMPTS;
        loop {
            let delivered = self.deliveries.done.load(Ordering::Acquire);
            let refusal = match request().await.map_err(Answer::of) {
                Ok(done) => return Ok(done),
                Err(Answer::None(failure)) => return Err(failure),
                Err(Answer::Refused(refusal)) => refusal,
            };
            let trouble = Trouble::of(&refusal);
            let hopeless = attempts.next().is_none();
            if hopeless || !self.mend(trouble, subject, delivered).await? {
                return Err(trouble.into_failure(subject, &self.agent).caused_by(refusal.words));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Whether there is hope that the same request goes well now.
    async fn mend(&self, trouble: Trouble, subject: &Subject, delivered: u32) -> Result<bool> {
        match trouble {
            Trouble::NameTaken => self.remove(self.marks.container(subject.role)).await?,
            Trouble::NoNetwork => self.network.make(&self.docker, &self.marks).await?,
            Trouble::NoAgent => self.deliver(subject, delivered).await?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Delivers the agent, unless that was done since `delivered` was read.
    async fn deliver(&self, subject: &Subject, delivered: u32) -> Result<()> {
        let _under_way = self.deliveries.under_way.lock().await;
        if self.deliveries.done.load(Ordering::Acquire) == delivered {
            self.send_courier(subject).await?;
            self.deliveries.done.fetch_add(1, Ordering::Release);
        }
        Ok(())
    }

    /// The courier is removed whatever becomes of the delivery; should this process be killed, it
    /// goes with the job's other containers.
    async fn send_courier(&self, subject: &Subject) -> Result<()> {
        let courier = Plan::courier(&self.marks, &self.agent, subject);
        // A courier is never started, so that nobody misses the agent in it, and this ends.
        let courier = Box::pin(self.create(courier)).await?;
        let uploaded = self.upload(&courier).await;
        let removed = self.remove(self.marks.container(Role::Courier)).await;
        uploaded.and(removed)
    }

    async fn upload(&self, courier: &Container) -> Result<()> {
        let failed = || Failure::system("cannot deliver the agent to the engine");
        let packed =
            self.agent.packed(self.marks.key()).map_err(|error| failed().caused_by(error))?;
        let options = UploadToContainerOptions {
            path: AGENT_DIRECTORY.to_owned(),
            ..UploadToContainerOptions::default()
        };
        let body = bollard::body_full(packed);
        match self.docker.upload_to_container(&courier.id, Some(options), body).await {
            Ok(()) => Ok(()),
            Err(error) => match Answer::of(error) {
                // A rival's delivery was quicker by the moment between two system calls.
                Answer::Refused(refusal) if refusal.says("file exists") => Ok(()),
                answer => Err(answer.into_failure(|refusal| match Trouble::of(refusal) {
                    Trouble::DiskFull => failed().hint(MAKE_ROOM),
                    _ => failed(),
                })),
            },
        }
    }

    /// Returns when the container is gone, also when somebody else is about to remove it.
    async fn remove(&self, name: String) -> Result<()> {
        Leftover::container(name).remove(&self.docker, Instant::now() + REMOVING).await
    }
}

impl Container {
    /// What it is for.
    pub fn role(&self) -> Role {
        self.subject.role
    }

    /// The command that, executed in it, connects stdin and stdout to its agent.
    pub fn bridge(&self, marks: &JobMarks) -> Vec<String> {
        bridge_command(&marks.container(self.role()))
    }
}

//! Real engines with images, and jobs on them.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bollard::Docker;
use docker::containers::{
    AgentProgram, BuildTerms, Container, JobContainers, JobMarks, Network, ServiceTerms,
};
use docker::endpoint::Source;
use docker::images::{BroughtImage, PullPolicy, Reference, WantedImage};
use docker::{Engine, EngineAddress, Limits};
use job::{Blame, JobKey, Result, settings};
use testkit::images;
use testkit::nodes::{Node, Swarm, SwarmOptions};

/// Far more than anything here takes.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// Debian's busybox-static.
const STATIC: &str = "/bin/busybox";

pub(crate) struct Lab(Swarm);

/// One engine.
pub(crate) struct Bench {
    node: Node,
    docker: Docker,
}

/// A job on an engine.
pub(crate) struct Job {
    pub(crate) docker: Docker,
    pub(crate) marks: JobMarks,
    pub(crate) agent: AgentProgram,
    pub(crate) profile: settings::Engine,
    pub(crate) containers: JobContainers,
}

impl Lab {
    pub(crate) async fn open(newest_engines: u8) -> Self {
        let options = SwarmOptions { managers: 1, workers: 0, lone_engines: 0, newest_engines };
        let swarm = Swarm::start(options).await.unwrap();
        swarm.load(&images::for_containers().await.unwrap()).await.unwrap();
        Self(swarm)
    }

    pub(crate) fn benches(&self) -> Vec<Bench> {
        self.0.nodes().iter().cloned().map(Bench::new).collect()
    }

    pub(crate) async fn close(self) {
        self.0.stop().await.unwrap();
    }
}

impl Bench {
    fn new(node: Node) -> Self {
        let source = Source::Setting("the test".to_owned());
        let address = EngineAddress::parse(node.admin_socket().to_str().unwrap(), source);
        let EngineAddress::Local(socket) = address.unwrap() else { unreachable!() };
        let docker = Engine::local(socket, Limits::default()).docker().unwrap();
        Self { node, docker }
    }

    /// What the docker CLI says.
    pub(crate) async fn cli(&self, arguments: &[&str]) -> String {
        self.node.docker(arguments).await.unwrap()
    }

    /// A job with the agent that others have too.
    pub(crate) fn job(&self, network: Network) -> Job {
        self.job_with(network, agent_with(b"everybody's"))
    }

    /// A job whose agent the engine has not seen yet.
    pub(crate) fn first_job(&self) -> Job {
        self.job_with(Network::Shared, agent_with(&number().to_le_bytes()))
    }

    pub(crate) fn job_with(&self, network: Network, agent: AgentProgram) -> Job {
        let key = JobKey::new("gitlab.example.com", number());
        let marks = JobMarks::new(&key, 12, "group/project");
        let docker = self.docker.clone();
        let containers = JobContainers::new(&docker, marks.clone(), network, agent.clone());
        Job { docker, marks, agent, profile: settings::Engine::default(), containers }
    }
}

impl Job {
    pub(crate) async fn build(&self, image: &str) -> Result<Container> {
        self.build_with(image, BuildTerms::default()).await
    }

    pub(crate) async fn build_with(&self, image: &str, terms: BuildTerms) -> Result<Container> {
        let (wanted, brought) = self.image(image).await;
        let spec = self.containers.plan(&self.profile).build(&wanted, &brought, terms);
        self.containers.create(spec).await
    }

    pub(crate) async fn helper(&self) -> Result<Container> {
        let (wanted, brought) = self.image("gitlab-helper:test").await;
        let spec = self.containers.plan(&self.profile).helper(&wanted, &brought);
        self.containers.create(spec).await
    }

    pub(crate) async fn service(
        &self,
        number: usize,
        image: &str,
        terms: ServiceTerms,
    ) -> Result<Container> {
        let (wanted, brought) = self.image(image).await;
        let spec = self.containers.plan(&self.profile).service(number, &wanted, &brought, terms);
        self.containers.create(spec).await
    }

    /// Makes a build container and starts it: its first process was the agent.
    pub(crate) async fn started(&self, image: &str) -> Container {
        let container = self.build(image).await.unwrap();
        self.containers.start(&container).await.unwrap();
        container
    }

    pub(crate) async fn image(&self, name: &str) -> (WantedImage, BroughtImage) {
        let reference = Reference::parse(name).unwrap();
        let wanted = WantedImage {
            reference,
            platform: None,
            policies: vec![PullPolicy::Never],
            asked_by: Blame::Job,
        };
        let inspect = self.docker.inspect_image(name).await.unwrap();
        let id = inspect.id.clone().unwrap();
        (wanted, BroughtImage { id, inspect, policy: PullPolicy::Never })
    }
}

/// Another one each time.
fn number() -> u64 {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// A static program with these bytes after its end. Started as the agent it says that it knows no
/// such applet, and ends.
pub(crate) fn agent_with(tail: &[u8]) -> AgentProgram {
    let mut program = std::fs::read(STATIC).unwrap();
    program.extend_from_slice(tail);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&program).unwrap();
    AgentProgram::read(file.path()).unwrap()
}

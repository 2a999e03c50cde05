//! Making a job's containers: images, network, containers and services, side by side.

use std::path::PathBuf;

use agent::link::Key;
use docker::containers::{BuildTerms, JobContainers, JobMarks, Network, ServiceTerms, Spec};
use docker::images::{
    BroughtImage, Helpers, ImageBringer, Patience, Registries, Sources, WantedImage,
};
use docker::{Engine, EngineFacts};
use futures::future::{join_all, try_join_all};
use job::{Failure, JobContext, Result, settings};

use super::reach::Reach;
use super::record::{Container, Containers, Service};
use super::services::Services;
use super::wanted::{Asked, Wanted, WantedService};
use super::{helper, program};
use crate::stage::Stage;
use crate::state::JobDirectory;

/// Makes what a job wants on one engine.
pub(crate) struct Maker<'a> {
    stage: &'a Stage<'a>,
    job: &'a JobContext,
    directory: &'a JobDirectory,
    wanted: &'a Wanted,
    engine: &'a Engine,
    marks: JobMarks,
    bringer: ImageBringer,
}

/// The images, once the engine has them.
struct Images {
    build: BroughtImage,
    /// That of the helper container, if the job calls for one.
    helper: Option<(WantedImage, BroughtImage)>,
    services: Vec<BroughtImage>,
    /// That of the engine's machine.
    architecture: String,
}

impl<'a> Maker<'a> {
    /// Reads the logins for registries.
    pub(crate) fn new(
        stage: &'a Stage<'a>,
        job: &'a JobContext,
        directory: &'a JobDirectory,
        wanted: &'a Wanted,
        engine: &'a Engine,
    ) -> Result<Self> {
        let registries = registries(stage, job)?;
        registries.warnings().iter().for_each(|words| stage.log.warning(words));
        let bringer = ImageBringer::new(&engine.docker()?, registries, Patience::default());
        let marks = JobMarks::new(&job.key, job.proofs.project_id(), job.proofs.project());
        Ok(Self { stage, job, directory, wanted, engine, marks, bringer })
    }

    /// Makes everything and waits for the services. `facts` are the engine's answer to who it is.
    pub(crate) async fn make(
        &self,
        facts: impl Future<Output = Result<EngineFacts>>,
    ) -> Result<Containers> {
        let images = self.images(facts).await?;
        let containers = self.containers(&images)?;
        containers.make_network().await?;
        // When one fails, the others are waited for: an engine that nobody waits for goes on making
        // what it was asked for, and cleanup might come before it is there.
        let (build, helper, services) = tokio::join!(
            self.build(&containers, &images.build),
            self.helper(&containers, images.helper.as_ref()),
            self.services(&containers, &images.services),
        );
        let offer = self.wanted.offer.clone();
        let made = Containers { build: build?, helper: helper?, services: services?, offer };
        self.wait_for_services(&images.services, &made).await?;
        Ok(made)
    }

    async fn wait_for_services(&self, images: &[BroughtImage], made: &Containers) -> Result<()> {
        let docker = self.engine.docker()?;
        let reach = Reach::new(self.engine, &made.build, self.directory);
        let log = self.stage.log;
        Services::new(log, &docker, &reach, &self.marks, self.wanted, images, made).wait().await
    }

    async fn images(&self, facts: impl Future<Output = Result<EngineFacts>>) -> Result<Images> {
        let named = async {
            match &self.wanted.helper {
                Some(wanted) if self.job.calls_for_helper() => {
                    self.helper_image(wanted).await.map(Some)
                }
                _ => Ok(None),
            }
        };
        let services = self.wanted.services.iter().map(|service| self.bring(&service.asked.image));
        let (facts, build, named, services) = tokio::try_join!(
            facts,
            self.bring(&self.wanted.build.image),
            named,
            try_join_all(services)
        )?;
        let helper = match named {
            None if self.needs_helper(&build) => Some(self.late_helper_image(&facts).await?),
            named => named,
        };
        Ok(Images { build, helper, services, architecture: facts.architecture })
    }

    /// Whether the build container can't stand in for the helper container. Where the job calls for
    /// no git, it can; but on the volume none other than root may make the project's directory.
    fn needs_helper(&self, build: &BroughtImage) -> bool {
        self.job.calls_for_helper() || !is_root(self.user(&self.wanted.build, build))
    }

    /// The helper image that the profile names, else the one that GitLab publishes for this runner
    /// and such engines.
    async fn late_helper_image(&self, facts: &EngineFacts) -> Result<(WantedImage, BroughtImage)> {
        let published = || {
            let name = helper::default_image(self.job, &facts.architecture);
            helper::wanted(&name, self.profile())
        };
        let wanted = self.wanted.helper.clone().map_or_else(published, Ok)?;
        self.helper_image(&wanted).await
    }

    async fn helper_image(&self, wanted: &WantedImage) -> Result<(WantedImage, BroughtImage)> {
        Ok((wanted.clone(), self.bring(wanted).await?))
    }

    async fn bring(&self, wanted: &WantedImage) -> Result<BroughtImage> {
        let log = self.stage.log;
        self.bringer.bring(wanted, &move |words| log.line(words)).await
    }

    fn containers(&self, images: &Images) -> Result<JobContainers> {
        let network = if self.wanted.services.is_empty() { Network::Shared } else { Network::Own };
        let program = program::for_machine(&images.architecture)?;
        Ok(JobContainers::new(&self.engine.docker()?, self.marks.clone(), network, program))
    }

    async fn build(&self, containers: &JobContainers, image: &BroughtImage) -> Result<Container> {
        let asked = &self.wanted.build;
        let user = self.user(asked, image);
        let terms = BuildTerms {
            user: asked.user.clone(),
            extra_hosts: self.wanted.offer.hosts(),
            in_memory: self
                .wanted
                .offer
                .in_memory(is_root(user) && !self.profile().security.read_only),
        };
        let spec = containers.plan(self.profile()).build(&asked.image, image, terms);
        self.with_agent(containers, spec, entrypoint(asked, image), image).await
    }

    async fn helper(
        &self,
        containers: &JobContainers,
        image: Option<&(WantedImage, BroughtImage)>,
    ) -> Result<Option<Container>> {
        let Some((wanted, image)) = image else { return Ok(None) };
        let spec = containers.plan(self.profile()).helper(wanted, image);
        self.with_agent(containers, spec, Vec::new(), image).await.map(Some)
    }

    /// Makes and starts a container whose first process is the agent.
    async fn with_agent(
        &self,
        containers: &JobContainers,
        spec: Spec,
        entrypoint: Vec<String>,
        image: &BroughtImage,
    ) -> Result<Container> {
        let key = Key::random().map_err(|error| {
            Failure::system("the machine has no random numbers").caused_by(error)
        })?;
        let made = containers.create(spec).await?;
        containers.start(&made).await?;
        let bridge = made.bridge(&self.marks);
        Ok(Container { bridge, id: made.id, entrypoint, directory: directory(image), key })
    }

    async fn services(
        &self,
        containers: &JobContainers,
        images: &[BroughtImage],
    ) -> Result<Vec<Service>> {
        let wanted = self.wanted.services.iter().zip(images).enumerate();
        let made = join_all(wanted.map(async |(number, (service, image))| {
            let WantedService { asked, names, environment } = service;
            let terms = ServiceTerms {
                aliases: names.clone(),
                variables: environment.clone(),
                entrypoint: asked.entrypoint.clone(),
                command: asked.command.clone(),
                user: asked.user.clone(),
            };
            let plan = containers.plan(self.profile());
            let made = containers.create(plan.service(number, &asked.image, image, terms)).await?;
            containers.start(&made).await?;
            let name = names.first().cloned().unwrap_or_else(|| asked.image.reference.to_string());
            Ok(Service { id: made.id, name })
        }));
        made.await.into_iter().collect()
    }

    /// What the profile says of engines, with the limits that the job has lowered.
    fn profile(&self) -> &settings::Engine {
        &self.wanted.engine
    }

    /// The user that the build container gets.
    fn user<'b>(&'b self, asked: &'b Asked, image: &'b BroughtImage) -> &'b str {
        let own = image.inspect.config.as_ref().and_then(|config| config.user.as_deref());
        let user = self.profile().security.user.as_deref().or(asked.user.as_deref()).or(own);
        user.unwrap_or_default()
    }
}

/// Who to be at registries: what GitLab and the runner machine know.
fn registries(stage: &Stage<'_>, job: &JobContext) -> Result<Registries> {
    const AUTH_CONFIG: &str = "DOCKER_AUTH_CONFIG";
    let of_runner = || stage.environment.non_empty(AUTH_CONFIG);
    let auth_config = job.variable(AUTH_CONFIG).filter(|text| !text.is_empty()).or_else(of_runner);
    Registries::read(Sources {
        auth_config: auth_config.map(Into::into),
        job: job.proofs.credentials().to_vec(),
        home: stage.environment.non_empty("HOME").map(PathBuf::from),
        helpers: Helpers::default(),
    })
}

/// What comes before the shell; as in GitLab's docker executor, `[""]` is the wish for nothing.
fn entrypoint(asked: &Asked, image: &BroughtImage) -> Vec<String> {
    let own = || image.inspect.config.as_ref().and_then(|config| config.entrypoint.clone());
    let words = asked.entrypoint.clone().or_else(own).unwrap_or_default();
    if words == [""] { Vec::new() } else { words }
}

fn directory(image: &BroughtImage) -> PathBuf {
    let directory = image.inspect.config.as_ref().and_then(|config| config.working_dir.clone());
    directory.filter(|path| !path.is_empty()).unwrap_or_else(|| "/".to_owned()).into()
}

/// Whether a user as Docker writes it, `name[:group]` or `number[:group]`, is root.
fn is_root(user: &str) -> bool {
    let name = user.split(':').next().unwrap_or_default();
    matches!(name, "" | "0" | "root")
}

#[cfg(test)]
mod tests;

//! What a job asks to have in containers: names expanded, permitted by the profile.
//!
//! Nothing is asked of an engine here, so every refusal comes before anything is made, and all of
//! them at once.

use docker::images::{AllowList, Platform, Reference, WantedImage, policy};
use job::settings::{self, DockerAccess};
use job::{Blame, Failure, Image, JobContext, PullPolicy, Result, Service};

use super::helper;
use super::offer::{DockerInDocker, Offer};
use crate::stage::Stage;

/// What a job asks to have in containers.
pub(crate) struct Wanted {
    /// The image of the build container.
    pub(crate) build: Asked,
    /// The image of the helper container, where the profile names one.
    pub(crate) helper: Option<WantedImage>,
    /// The services that get containers.
    pub(crate) services: Vec<WantedService>,
    /// What the job's docker finds.
    pub(crate) offer: Offer,
    /// What the profile says of engines, with what the job has lowered.
    pub(crate) engine: settings::Engine,
    /// What the job asks for and doesn't get, though it goes on.
    pub(crate) warnings: Vec<String>,
}

/// An image, and what the job replaces of it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) image: WantedImage,
    pub(crate) entrypoint: Option<Vec<String>>,
    pub(crate) command: Option<Vec<String>>,
    pub(crate) user: Option<String>,
}

/// A service.
#[derive(Clone, Debug)]
pub(crate) struct WantedService {
    pub(crate) asked: Asked,
    /// The host names by which the job reaches it.
    pub(crate) names: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
}

impl Wanted {
    /// What `job` asks for under the stage's profile.
    ///
    /// # Errors
    /// Everything that is refused, each with who asked for it.
    pub(crate) fn new(stage: &Stage<'_>, job: &JobContext) -> Result<Self> {
        let access = stage.profile.docker_access;
        let replaced = |service: &Service<'_>| {
            access == DockerAccess::Gateway && service.is_docker_in_docker()
        };
        let services = job.services();
        let warnings = services.iter().filter_map(nameless).collect();
        let (dind, services): (Vec<_>, Vec<_>) = services.into_iter().partition(replaced);
        let names = dind.into_iter().flat_map(|service| service.host_names).collect::<Vec<_>>();
        let docker_in_docker = (!names.is_empty()).then(|| DockerInDocker::new(job, names));
        let reader = Reader { job, engine: &stage.profile.engine };
        let mut refusals = Vec::new();
        let build = keep(reader.build(), &mut refusals);
        let helper = keep(reader.helper(), &mut refusals);
        let services = services.iter().map(|service| keep(reader.service(service), &mut refusals));
        // Each is looked at before any counts: an option of a list would end at the first refusal.
        let services: Vec<_> = services.collect();
        let services: Option<Vec<_>> = services.into_iter().collect();
        let engine = reader.engine.clone().lowered_by(|name| job.variable(name));
        let engine = keep(engine, &mut refusals);
        let offer = Offer::new(access, docker_in_docker);
        match (build, helper, services, engine) {
            (Some(build), Some(helper), Some(services), Some(engine)) => {
                Ok(Self { build, helper, services, offer, engine, warnings })
            }
            _ => Err(all(refusals)),
        }
    }
}

/// What to say of a service that doesn't get every name it asks for.
fn nameless(service: &Service<'_>) -> Option<String> {
    let (name, taken) = (&service.name, service.taken.join(", "));
    (!taken.is_empty()).then(|| {
        format!(
            "an earlier service is called {taken}, so the service {name} isn't: give it an `alias` \
             of its own"
        )
    })
}

/// Keeps what is good, and gathers what isn't.
fn keep<T>(read: Result<T>, refusals: &mut Vec<Failure>) -> Option<T> {
    read.map_err(|failure| refusals.push(failure)).ok()
}

fn all(refusals: Vec<Failure>) -> Failure {
    let nothing = || Failure::system("it can't be told what the job asks for");
    refusals.into_iter().reduce(Failure::and).unwrap_or_else(nothing)
}

struct Reader<'a> {
    job: &'a JobContext,
    engine: &'a settings::Engine,
}

impl Reader<'_> {
    fn build(&self) -> Result<Asked> {
        let own = self.engine.image.as_deref();
        if let Some(image) = self.job.proofs.image() {
            let name = self.job.expand(&image.name);
            let list = allow_list("allowed_images", self.engine.allowed_images.as_deref())?;
            return self.asked(image, &name, &list, own.as_slice());
        }
        let name = own.ok_or_else(|| {
            Failure::job("the job names no image, and its runner has none for such jobs").hint(
                "add `image:` to the job in .gitlab-ci.yml, or let the runner's keeper set \
                       `image` in the profile's [engine]",
            )
        })?;
        let image = self.wanted(name, &[], None, Blame::System)?;
        Ok(Asked { image, entrypoint: None, command: None, user: None })
    }

    fn helper(&self) -> Result<Option<WantedImage>> {
        let named = self.engine.helper_image.as_deref().map(|name| self.job.expand(name));
        named.map(|name| helper::wanted(&name, self.engine)).transpose()
    }

    fn service(&self, service: &Service<'_>) -> Result<WantedService> {
        let list = allow_list("allowed_services", self.engine.allowed_services.as_deref())?;
        Ok(WantedService {
            asked: self.asked(service.image, &service.name, &list, &[])?,
            names: service.host_names.clone(),
            environment: self.job.service_environment(service.image),
        })
    }

    fn asked(&self, image: &Image, name: &str, list: &AllowList, own: &[&str]) -> Result<Asked> {
        let platform = image.platform().map(|platform| self.job.expand(platform));
        let platform =
            platform.map(|platform| Platform::parse(&platform, Blame::Job)).transpose()?;
        let wanted = self.wanted(name, &image.pull_policies()?, platform, Blame::Job)?;
        list.check(&wanted.reference, own)?;
        Ok(Asked {
            image: wanted,
            entrypoint: said(image.entrypoint.as_ref()),
            command: said(image.command.as_ref()),
            user: image.user().map(|user| self.job.expand(user)),
        })
    }

    fn wanted(
        &self,
        name: &str,
        policies: &[PullPolicy],
        platform: Option<Platform>,
        asked_by: Blame,
    ) -> Result<WantedImage> {
        let reference = Reference::parse(name).map_err(|error| error.into_failure(asked_by))?;
        let allowed = self.engine.allowed_pull_policies.as_deref();
        let policies = policy::effective(policies, &self.engine.pull_policy, allowed)?;
        Ok(WantedImage { reference, platform, policies, asked_by })
    }
}

/// An empty list says nothing, as in GitLab's docker executor; an engine would take it for the wish
/// to start nothing.
fn said(words: Option<&Vec<String>>) -> Option<Vec<String>> {
    words.filter(|words| !words.is_empty()).cloned()
}

fn allow_list(setting: &'static str, patterns: Option<&[String]>) -> Result<AllowList> {
    AllowList::new(setting, patterns).map_err(|errors| {
        let words: Vec<_> = errors.iter().map(ToString::to_string).collect();
        Failure::system(words.join("; ")).hint("correct it in the profile's [engine]")
    })
}

#[cfg(test)]
mod tests;

//! Makes an engine have an image, and says in the job log how.
//!
//! A list of pull policies is tried in its order; the next one only if the one before it failed,
//! which is told. A registry that can't be reached is tried again a few times, as GitLab Runner
//! does; an engine that can't be reached ends it at once.
//!
//! `always` doesn't look first and `never` only looks, and what the engine knows of the image is
//! handed on, so that nobody needs to ask for it again.

mod fault;
mod progress;
mod refusal;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use bollard::errors::Error;
use bollard::models::ImageInspect;
use bollard::query_parameters::CreateImageOptions;
use bollard::{BollardRequest, Docker};
use futures::StreamExt;
use http::HeaderValue;
use http::header::HeaderName;
use job::{Blame, Failure, Result};

use self::fault::Fault;
use self::progress::{Progress, Size, Took};
use super::registry::Login;
use super::{Platform, PullPolicy, Reference, Registries};

/// The header with a login, in the alphabet of base64 that is for URLs
/// (<https://docs.docker.com/reference/api/engine/version/v1.45/#section/Authentication>).
const REGISTRY_AUTH: HeaderName = HeaderName::from_static("x-registry-auth");

/// An image that is to be brought.
#[derive(Clone, Debug)]
pub struct WantedImage {
    /// Which.
    pub reference: Reference,
    /// For which platform; without it, for the engine's.
    pub platform: Option<Platform>,
    /// What to try, in this order; see [`effective`](super::policy::effective).
    pub policies: Vec<PullPolicy>,
    /// Who named the image, and so answers for a name that leads nowhere.
    pub asked_by: Blame,
}

/// An image that the engine has.
#[derive(Clone, Debug)]
pub struct BroughtImage {
    /// The id to make containers of.
    pub id: String,
    /// What the engine knows of it: entrypoint, user, health check and so on.
    pub inspect: ImageInspect,
    /// The policy by which it was brought.
    pub policy: PullPolicy,
}

/// How often and how long a registry is tried that can't be reached.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How often, all in all.
    pub attempts: u32,
    /// The pause before the second attempt; every further one is twice as long.
    pub pause: Duration,
}

impl Default for Patience {
    /// GitLab Runner's: three times, two seconds.
    fn default() -> Self {
        Self { attempts: 3, pause: Duration::from_secs(2) }
    }
}

/// Where lines for the job log go.
pub type Say<'a> = &'a (dyn Fn(&str) + Sync);

/// Brings images to one engine with one job's logins. Several may be brought at once.
#[derive(Debug)]
pub struct ImageBringer {
    docker: Docker,
    registries: Registries,
    patience: Patience,
}

impl ImageBringer {
    /// For the engine behind `docker`.
    pub fn new(docker: &Docker, registries: Registries, patience: Patience) -> Self {
        let docker = docker.clone().with_request_modifier(with_url_alphabet);
        Self { docker, registries, patience }
    }

    /// Makes the engine have the image. Dropped on the way, it stops the pull.
    ///
    /// # Errors
    /// What every policy failed with, the job's if all of it is; at once if the engine is away.
    pub async fn bring(&self, wanted: &WantedImage, say: Say<'_>) -> Result<BroughtImage> {
        let mut failures: Vec<Failure> = Vec::new();
        for (place, policy) in wanted.policies.iter().enumerate() {
            let failure = match self.by(*policy, wanted, say).await {
                Ok(brought) => return Ok(brought),
                Err(Fault::Engine(failure)) => return Err(failure),
                Err(fault) => fault.into_failure(wanted),
            };
            if let Some(next) = wanted.policies.get(place + 1) {
                let name = &wanted.reference;
                say(&format!("Pull policy {policy} failed: {}", first_line(&failure)));
                say(&format!("Falling back to pull policy {next} for {name}"));
            }
            if failures.iter().all(|earlier| earlier.render() != failure.render()) {
                failures.push(failure);
            }
        }
        Err(failures.into_iter().reduce(Failure::and).unwrap_or_else(|| nothing_to_try(wanted)))
    }

    async fn by(
        &self,
        policy: PullPolicy,
        wanted: &WantedImage,
        say: Say<'_>,
    ) -> Result<BroughtImage, Fault> {
        let may_pull = policy != PullPolicy::Never && !wanted.reference.is_id();
        let looks_first = !may_pull || policy == PullPolicy::IfNotPresent;
        if looks_first && let Some(image) = self.inspect(wanted).await? {
            match wanted.mismatch(&image) {
                None => {
                    let (name, described) = (&wanted.reference, described(&image, None));
                    say(&format!("Using image {name}, already on the engine ({described})"));
                    return BroughtImage::new(image, policy);
                }
                Some(has) if !may_pull => return Err(Fault::OtherPlatform(has)),
                Some(_) => {}
            }
        }
        if !may_pull {
            return Err(Fault::Absent);
        }
        BroughtImage::new(self.pull(wanted, say).await?, policy)
    }

    async fn pull(&self, wanted: &WantedImage, say: Say<'_>) -> Result<ImageInspect, Fault> {
        let name = &wanted.reference;
        let login = self.registries.login(name, say).await;
        say(&wanted.announcement(login.as_ref()));
        let start = Instant::now();
        let progress = self.pull_patiently(wanted, login.as_ref(), say).await?;
        let Some(image) = self.inspect(wanted).await? else {
            let message = format!("the image {name} is gone from the engine as soon as pulled");
            return Err(Fault::Engine(Failure::system(message)));
        };
        if let Some(has) = wanted.mismatch(&image) {
            return Err(Fault::OtherPlatform(has));
        }
        let (described, took) = (described(&image, progress.digest()), Took(start.elapsed()));
        say(&if progress.is_up_to_date() {
            format!("Image {name} is up to date ({described}), checked in {took}")
        } else {
            format!("Pulled {name} ({described}) in {took}")
        });
        Ok(image)
    }

    async fn pull_patiently(
        &self,
        wanted: &WantedImage,
        login: Option<&Login>,
        say: Say<'_>,
    ) -> Result<Progress, Fault> {
        let mut pause = self.patience.pause;
        for _ in 1..self.patience.attempts {
            let fault = match self.pull_once(wanted, login, say).await {
                Ok(progress) => return Ok(progress),
                Err(fault) => fault,
            };
            let Some(words) = fault.passing() else { return Err(fault) };
            let (name, pause_words) = (&wanted.reference, Took(pause));
            say(&format!("Pulling image {name} failed, trying again in {pause_words}: {words}"));
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        self.pull_once(wanted, login, say).await
    }

    async fn pull_once(
        &self,
        wanted: &WantedImage,
        login: Option<&Login>,
        say: Say<'_>,
    ) -> Result<Progress, Fault> {
        let options = CreateImageOptions {
            from_image: Some(wanted.reference.for_engine()),
            platform: wanted.platform.as_ref().map_or_else(String::new, Platform::to_string),
            ..CreateImageOptions::default()
        };
        let mut progress = Progress::new(Instant::now());
        let mut events =
            self.docker.create_image(Some(options), None, login.map(Login::for_engine));
        while let Some(event) = events.next().await {
            let event = event.map_err(|error| Fault::of(error, &wanted.reference, login))?;
            if let Some(line) = progress.take(&event, Instant::now()) {
                say(&format!("Pulling image {}: {line}", wanted.reference));
            }
        }
        Ok(progress)
    }

    async fn inspect(&self, wanted: &WantedImage) -> Result<Option<ImageInspect>, Fault> {
        match self.docker.inspect_image(&wanted.reference.for_engine()).await {
            Ok(image) => Ok(Some(image)),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(error) => Err(Fault::of(error, &wanted.reference, None)),
        }
    }
}

impl BroughtImage {
    fn new(inspect: ImageInspect, policy: PullPolicy) -> Result<Self, Fault> {
        match inspect.id.clone() {
            Some(id) => Ok(Self { id, inspect, policy }),
            None => Err(Fault::Engine(Failure::system("the engine tells of an image without id"))),
        }
    }
}

impl WantedImage {
    /// The platform of `image` if it is another than the one wanted.
    fn mismatch(&self, image: &ImageInspect) -> Option<Platform> {
        let wanted = self.platform.as_ref()?;
        Platform::of(image).filter(|has| !wanted.accepts(has))
    }

    fn announcement(&self, login: Option<&Login>) -> String {
        let platform = self.platform.as_ref().map(|platform| format!(" for {platform}"));
        let login = login.map(|login| format!(" with the login from {}", login.origin()));
        format!(
            "Pulling image {}{}{} …",
            self.reference,
            platform.unwrap_or_default(),
            login.unwrap_or_default()
        )
    }
}

/// Digest and size; the id if it has no digest, because it was built and not pulled.
fn described(image: &ImageInspect, digest: Option<&str>) -> String {
    let known = image.repo_digests.iter().flatten().next();
    let known = known.and_then(|name| Some(name.split_once('@')?.1));
    let named = digest.or(known).or(image.id.as_deref()).unwrap_or("no digest");
    let size = image.size.and_then(|bytes| u64::try_from(bytes).ok());
    size.map_or_else(|| named.to_owned(), |bytes| format!("{named}, {}", Size(bytes)))
}

fn first_line(failure: &Failure) -> String {
    failure.render().lines().next().unwrap_or_default().to_owned()
}

fn nothing_to_try(wanted: &WantedImage) -> Failure {
    Failure::system(format!("there is no pull policy for the image {}", wanted.reference))
}

/// bollard writes the header in base64's standard alphabet. The engine takes `+` and `/` for
/// garbage and, without a word, pulls without a login.
fn with_url_alphabet(mut request: BollardRequest) -> BollardRequest {
    let headers = request.headers_mut();
    let login = headers.get(REGISTRY_AUTH).and_then(|value| value.to_str().ok());
    let rewritten = login.map(|login| login.replace('+', "-").replace('/', "_"));
    if let Some(mut value) = rewritten.and_then(|text| HeaderValue::try_from(text).ok()) {
        value.set_sensitive(true);
        headers.insert(REGISTRY_AUTH, value);
    }
    request
}

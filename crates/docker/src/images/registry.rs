//! Who to be at a registry, from where GitLab Runner looks: `DOCKER_AUTH_CONFIG`, what GitLab gave the
//! job, the runner machine's docker config. What is the job's own comes before what every job of the
//! machine has; GitLab Runner asks the machine before the job
//! (<https://docs.gitlab.com/runner/configuration/advanced-configuration/#precedence-of-docker-authorization-resolving>).
//!
//! The entry that names most of the image's path wins wherever it is; of equals the first. A source
//! that can't be used is told and left out, and the search goes on without it.
//!
//! Credential helpers (<https://docs.docker.com/reference/cli/docker/login/#credential-helper-protocol>)
//! run on the runner machine, as its user, also when the job's `DOCKER_AUTH_CONFIG` asks for them:
//! this is how GitLab Runner's users log in to clouds. Only programs called `docker-credential-NAME`
//! in `PATH` are run, and only for an image that needs them.

mod file;
mod helper;
mod login;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use job::{Blame, ExposeSecret, Failure, RegistryCredential, Result, Secret};

use self::file::{ConfigFile, Entry};
use self::helper::{Helper, HelperError};
use self::login::Access;
use super::Reference;
use super::reference::DOCKER_HUB;

pub use self::helper::Helpers;
pub use self::login::Login;

/// Where the docker config is, below a home directory; the second is what it was called before.
const CONFIG_FILES: [&str; 2] = [".docker/config.json", ".dockercfg"];

/// What there is to look in.
#[derive(Debug, Default)]
pub struct Sources {
    /// `DOCKER_AUTH_CONFIG`, of the job or else of the runner's environment.
    pub auth_config: Option<Secret>,
    /// What GitLab gave the job. Only credentials of the kind `registry` matter here.
    pub job: Vec<RegistryCredential>,
    /// The home directory on the runner machine whose docker config counts.
    pub home: Option<PathBuf>,
    /// How credential helpers are run.
    pub helpers: Helpers,
}

/// Where a login came from. Displays as a person would look for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The variable `DOCKER_AUTH_CONFIG`.
    AuthConfig,
    /// A file on the runner machine.
    File(PathBuf),
    /// The job's own credentials, which GitLab makes.
    Job,
}

impl Origin {
    /// Who has to act when the login isn't accepted.
    pub fn blame(&self) -> Blame {
        match self {
            Self::AuthConfig => Blame::Job,
            Self::File(_) | Self::Job => Blame::System,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AuthConfig => f.write_str("DOCKER_AUTH_CONFIG"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Job => f.write_str("the job's own credentials"),
        }
    }
}

/// Every registry for which there may be a login.
#[derive(Debug)]
pub struct Registries {
    sources: Vec<Source>,
    helpers: Helpers,
    warnings: Vec<String>,
}

/// One source, read.
#[derive(Debug)]
struct Source {
    origin: Origin,
    entries: BTreeMap<String, Entry>,
    /// The helper that knows more entries.
    store: Option<Helper>,
}

/// An entry with the path that it is for.
struct Candidate {
    path: String,
    server: String,
    entry: Entry,
    /// The source's place in [`Registries::sources`].
    source: usize,
}

impl Registries {
    /// Reads what there is; no helper runs yet.
    ///
    /// # Errors
    /// A credential helper that is no name but a path, with the blame of who wrote it.
    pub fn read(sources: Sources) -> Result<Self> {
        let Sources { auth_config, job, home, helpers } = sources;
        let mut registries = Self { sources: Vec::new(), helpers, warnings: Vec::new() };
        if let Some(text) = auth_config {
            registries.add(Origin::AuthConfig, text.expose_secret().as_bytes())?;
        }
        registries.sources.push(Source::of_job(job));
        if let Some(home) = home {
            registries.add_home(&home)?;
        }
        Ok(registries)
    }

    /// What could not be read and is left out, for the job log.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The login for the registry of `image`, if there is one. `warn` hears of every source whose
    /// helper fails.
    pub async fn login(&self, image: &Reference, warn: &(dyn Fn(&str) + Sync)) -> Option<Login> {
        let path = image.repository()?;
        let mut candidates = self.candidates(warn).await;
        candidates.retain(|candidate| covers(&candidate.path, &path));
        // Stable, so of equals the first source stays first.
        candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.path.len()));
        let mut failed = Vec::new();
        for candidate in candidates {
            if failed.contains(&candidate.source) {
                continue;
            }
            let origin = &self.sources[candidate.source].origin;
            match candidate.access(&self.helpers).await {
                Ok(None) => {}
                Ok(Some(access)) => {
                    return Some(Login::new(access, origin.clone(), image.domain()?));
                }
                Err(error) => {
                    failed.push(candidate.source);
                    warn(&unusable(origin, &error));
                }
            }
        }
        None
    }

    async fn candidates(&self, warn: &(dyn Fn(&str) + Sync)) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for (place, source) in self.sources.iter().enumerate() {
            match source.entries(&self.helpers).await {
                Ok(entries) => candidates.extend(entries.into_iter().map(|(server, entry)| {
                    Candidate { path: registry_path(&server), server, entry, source: place }
                })),
                Err(error) => warn(&unusable(&source.origin, &error)),
            }
        }
        candidates
    }

    fn add_home(&mut self, home: &Path) -> Result<()> {
        for name in CONFIG_FILES {
            let path = home.join(name);
            match std::fs::read(&path).map(zeroize::Zeroizing::new) {
                Ok(text) => return self.add(Origin::File(path), &text),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.warnings.push(unusable(&Origin::File(path), &error)),
            }
        }
        Ok(())
    }

    fn add(&mut self, origin: Origin, text: &[u8]) -> Result<()> {
        match ConfigFile::parse(text) {
            Ok(config) => self.sources.push(Source::of_file(origin, config)?),
            Err(error) => self.warnings.push(unusable(&origin, &error)),
        }
        Ok(())
    }
}

impl Candidate {
    async fn access(&self, how: &Helpers) -> Result<Option<Access>, HelperError> {
        match &self.entry {
            Entry::Known(access) => Ok(Some(access.clone())),
            Entry::Helper(helper) => helper.get(&self.server, how).await,
        }
    }
}

impl Source {
    /// Its entries and the store's. The store hides what the file holds for the same server, and
    /// the server's own helper hides the store.
    async fn entries(&self, how: &Helpers) -> Result<BTreeMap<String, Entry>, HelperError> {
        let mut entries = self.entries.clone();
        if let Some(store) = &self.store {
            for server in store.list(how).await? {
                if !matches!(entries.get(&server), Some(Entry::Helper(_))) {
                    entries.insert(server, Entry::Helper(store.clone()));
                }
            }
        }
        Ok(entries)
    }

    fn of_file(origin: Origin, config: ConfigFile) -> Result<Self> {
        let named = |name: &str| {
            Helper::named(name).ok_or_else(|| {
                let message =
                    format!("{origin} names the credential helper {name:?}, which is no name");
                Failure::new(origin.blame(), message)
                    .hint("write only what follows `docker-credential-` in the program's name")
            })
        };
        let store = config.store.as_deref().map(named).transpose()?;
        let mut entries = config.known;
        for (server, helper) in config.helpers {
            entries.insert(server, Entry::Helper(named(&helper)?));
        }
        Ok(Self { origin, entries, store })
    }

    fn of_job(credentials: Vec<RegistryCredential>) -> Self {
        let registries = credentials.into_iter().filter(|credential| credential.kind == "registry");
        let entries = registries.map(|RegistryCredential { url, username, password, .. }| {
            (url, Entry::Known(Access::Password { username, password }))
        });
        Self { origin: Origin::Job, entries: entries.collect(), store: None }
    }
}

fn unusable(origin: &Origin, error: &dyn fmt::Display) -> String {
    format!("Registry credentials from {origin} are left out: {error}")
}

/// Whether an entry for `entry` is for the image at `path`: whole parts of it, from the start.
fn covers(entry: &str, path: &str) -> bool {
    let rest = path.strip_prefix(entry);
    !entry.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The registry, with a path if it has one, that an entry's key means.
///
/// Old keys are addresses, of which only the host counts; Docker Hub's key has always been one
/// (<https://github.com/docker/cli/blob/master/cli/config/credentials/file_store.go>).
fn registry_path(server: &str) -> String {
    let lower = server.to_ascii_lowercase();
    let address = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"));
    if let Some(address) = address {
        return canonical_host(address.split('/').next().unwrap_or_default());
    }
    let path = server.trim_end_matches('/');
    match path.split_once('/') {
        None => canonical_host(&path.to_ascii_lowercase()),
        Some((host, path)) => {
            let path = path.rsplit_once(':').map_or(path, |(path, _tag)| path);
            format!("{}/{path}", canonical_host(&host.to_ascii_lowercase()))
        }
    }
}

fn canonical_host(host: &str) -> String {
    let hub = matches!(host, "index.docker.io" | "registry-1.docker.io");
    if hub { DOCKER_HUB.to_owned() } else { host.to_owned() }
}

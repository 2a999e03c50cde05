//! The settings file: what the operator permits and where things are, profile by profile.
//!
//! A `[[runners]]` entry names one profile, and GitLab binds each runner to a project, a group or
//! the instance: so projects and groups are configured. `docs/settings.md` explains every key. With
//! no settings file the profile `default` has the defaults below, and everything else comes from
//! the job's variables. Unknown keys are refused, and all mistakes are told at once.

mod engine;
mod lowering;
mod mistakes;
mod quantity;
mod read;
mod rollout;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::failure::{Failure, Result};

pub use engine::{Device, Engine, Limits, Security, Ulimit};
pub use quantity::{Bytes, Cpus, NotAnAmount, Pids, Swap};
pub use rollout::{
    Advice, AdviceRule, NotAPattern, NotAStatus, NotAUrl, OnFailure, OnSuperseded, Probe, ProbeUrl,
    Rollout, Statuses, UnknownChoice, UnknownRule, UrlPattern,
};

/// Where the settings are read from unless `--settings` says otherwise.
pub const DEFAULT_PATH: &str = "/etc/swarm-executor/settings.toml";

/// The profile that counts unless `--profile` says otherwise.
pub const DEFAULT_PROFILE: &str = "default";

const DAY: Duration = Duration::from_hours(24);

/// The whole settings file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Where the operator's diagnostics go.
    pub diagnostics: Diagnostics,
    /// The file, by which failures name it.
    path: PathBuf,
    profiles: BTreeMap<String, Profile>,
}

/// Where the operator's diagnostics go, and how much of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostics {
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives as
    /// [`tracing_subscriber::EnvFilter`](https://docs.rs/tracing-subscriber/latest/tracing_subscriber/filter/struct.EnvFilter.html)
    /// has them.
    pub level: String,
    /// Where they go.
    pub destination: Destination,
}

/// Where the operator's diagnostics go.
#[derive(Clone, Debug, PartialEq)]
pub enum Destination {
    /// systemd's journal where there is one, else nowhere.
    Automatic,
    /// systemd's journal.
    Journald,
    /// This file, one JSON object a line, appended.
    File(PathBuf),
    /// Nowhere.
    Nowhere,
}

/// What a runner that names this profile may do, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Where the job's script runs.
    pub placement: Placement,
    /// The shell that runs the scripts, as gitlab-runner writes them.
    pub shell: Shell,
    /// What the job's `docker` is given.
    pub docker_access: DockerAccess,
    /// Where build directories are made; without one, a directory of this user's.
    pub builds_dir: Option<PathBuf>,
    /// Where caches are kept; without one, a directory of this user's.
    pub cache_dir: Option<PathBuf>,
    /// Whether the build directory outlives the job, as the next job's working copy.
    pub keep_build_dir: bool,
    /// Time between SIGTERM and SIGKILL for a cancelled script's processes. Below five minutes:
    /// after those gitlab-runner cleans up beside a script that still runs.
    pub stop_grace: Duration,
    /// The cluster.
    pub cluster: Cluster,
    /// Where the credentials come from.
    pub credentials: Credentials,
    /// Where and how containers run; of use with [`Placement::Engine`].
    pub engine: Engine,
    /// What follows a script that changed services.
    pub rollout: Rollout,
}

/// Where the job's script runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// As a process on the runner machine.
    #[default]
    Host,
    /// In containers on one Docker Engine.
    Engine,
}

impl Placement {
    /// The word for it in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Engine => "engine",
        }
    }
}

/// The shell that runs the scripts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shell {
    /// `bash`.
    #[default]
    Bash,
    /// A POSIX shell; gitlab-runner 15.10 and later then writes POSIX scripts.
    Sh,
}

impl Shell {
    /// The name, which is both the program's and the one that gitlab-runner knows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Sh => "sh",
        }
    }
}

/// What the job's `docker` is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DockerAccess {
    /// A socket that is relayed to the cluster; the key stays outside the job.
    #[default]
    Gateway,
    /// The certificates directory.
    Certificates,
    /// Nothing.
    None,
}

/// The cluster that a profile's jobs deploy to.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Its address, `tcp://host:2376`; without one, the job's variable says it.
    pub endpoint: Option<String>,
    /// The job variable that holds the address when `endpoint` is absent.
    pub endpoint_variable: String,
    /// Longest wait for an answer before the cluster counts as unreachable.
    pub connect_timeout: Duration,
}

/// Where the credentials come from, and when to warn of their end.
#[derive(Clone, Debug, PartialEq)]
pub struct Credentials {
    /// Where they come from.
    pub source: CredentialSource,
    /// How long before a certificate's end the job log warns of it.
    pub expiry_warning: Duration,
}

/// Where the credentials come from.
#[derive(Clone, Debug, PartialEq)]
pub enum CredentialSource {
    /// Job variables of these names.
    Variables(VariableNames),
    /// `ca.pem`, `cert.pem` and `key.pem` of a directory on the runner machine.
    Directory(PathBuf),
    /// A program on the runner machine that prints JSON.
    Command {
        /// The program and its arguments; no shell is involved.
        argv: Vec<String>,
        /// Longest time that it may take.
        timeout: Duration,
    },
}

/// The names of the three variables that credentials come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableNames {
    /// Holds the certificate authority's certificate.
    pub ca: String,
    /// Holds the client's certificate.
    pub certificate: String,
    /// Holds the client's private key.
    pub key: String,
}

impl Default for Diagnostics {
    fn default() -> Self {
        Self { level: "info".into(), destination: Destination::Automatic }
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            placement: Placement::default(),
            shell: Shell::default(),
            docker_access: DockerAccess::default(),
            builds_dir: None,
            cache_dir: None,
            keep_build_dir: false,
            stop_grace: Duration::from_secs(10),
            cluster: Cluster::default(),
            credentials: Credentials::default(),
            engine: Engine::default(),
            rollout: Rollout::default(),
        }
    }
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            endpoint: None,
            endpoint_variable: "DOCKER_SWARM_MASTER".into(),
            connect_timeout: Duration::from_secs(10),
        }
    }
}

impl Default for Credentials {
    fn default() -> Self {
        Self { source: CredentialSource::default(), expiry_warning: 14 * DAY }
    }
}

impl Default for CredentialSource {
    fn default() -> Self {
        Self::Variables(VariableNames::default())
    }
}

impl Default for VariableNames {
    fn default() -> Self {
        Self {
            ca: "DOCKER_MACHINE_CA".into(),
            certificate: "DOCKER_MACHINE_CLIENT_CERT".into(),
            key: "DOCKER_MACHINE_CLIENT_KEY".into(),
        }
    }
}

impl Settings {
    /// Reads the file at `path`, or at [`DEFAULT_PATH`], which may be absent.
    ///
    /// Fails, with the system to blame, when a file that was asked for is missing, when it can't be
    /// read, and when it has mistakes: then with all of them, each with its line.
    pub fn load(path: Option<&Path>) -> Result<Self> {
        let asked_for = path.is_some();
        let path = path.unwrap_or(Path::new(DEFAULT_PATH));
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !asked_for => {
                Ok(Self { path: path.to_owned(), ..Self::default() })
            }
            Err(error) => Err(Failure::system(format!(
                "cannot read the settings {}",
                path.display()
            ))
            .caused_by(error)
            .hint(
                "correct --settings in gitlab-runner's config.toml, or the file's owner and mode",
            )),
        }
    }

    /// Reads `text`, naming `path` in what it says of mistakes.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        match read::settings(text) {
            Ok(settings) => Ok(Self { path: path.to_owned(), ..settings }),
            Err(errors) => Err(mistakes::failure(&errors, text, path)),
        }
    }

    /// Where they were read from, or would have been had the file been there.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The profile called `name`. The profile `default` exists without being written down as long
    /// as the file defines no other.
    pub fn profile(&self, name: &str) -> Result<Profile> {
        match self.profiles.get(name) {
            Some(profile) => Ok(profile.clone()),
            None if self.profiles.is_empty() && name == DEFAULT_PROFILE => Ok(Profile::default()),
            None => Err(self.unknown_profile(name)),
        }
    }

    fn unknown_profile(&self, name: &str) -> Failure {
        let path = self.path.display();
        let failure = Failure::system(format!("there is no profile \"{name}\" in {path}"));
        if self.profiles.is_empty() {
            return failure.hint(format!(
                "add a section [profile.{name}] there, or leave --profile out of gitlab-runner's \
                 config.toml"
            ));
        }
        let known: Vec<_> = self.profiles.keys().map(String::as_str).collect();
        failure.hint(format!(
            "name one of these with --profile in gitlab-runner's config.toml: {}; or add a \
             section [profile.{name}]",
            known.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests;

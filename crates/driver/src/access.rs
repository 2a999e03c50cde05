//! The job's way to the cluster: its address and the credentials for it, by the profile.

mod engine;

use std::path::Path;
use std::time::{Duration, SystemTime};

use docker::credentials::Command;
use docker::endpoint::Source;
use docker::{Cluster, Credentials, Endpoint, Identity, Limits, Origin};
use job::settings::CredentialSource;
use job::{Failure, JobContext, Profile, Result};

use crate::placement::MARK;
use crate::stage::Stage;
use crate::state::JobDirectory;

pub(crate) use engine::EngineAccess;

/// By how much the check of the cluster outlasts a connection, which can tell better what is wrong.
const HANDICAP: Duration = Duration::from_millis(200);

/// The cluster's address and credentials that were read, not yet checked.
pub(crate) struct Access {
    pub(crate) endpoint: Endpoint,
    pub(crate) credentials: Credentials,
}

impl Access {
    /// Reads both from where the profile says they are. What is wrong with either is told at once.
    pub(crate) async fn gather(stage: &Stage<'_>, job: &JobContext) -> Result<Self> {
        match (endpoint(stage, job), credentials_from(&stage.profile.credentials.source, job).await)
        {
            (Ok(endpoint), Ok(credentials)) => Ok(Self { endpoint, credentials }),
            (Err(failure), Ok(_)) | (Ok(_), Err(failure)) => Err(failure),
            (Err(endpoint), Err(credentials)) => Err(endpoint.and(credentials)),
        }
    }

    /// Reads the credentials that prepare wrote into the job's directory.
    pub(crate) fn prepared(
        stage: &Stage<'_>,
        job: &JobContext,
        directory: &JobDirectory,
    ) -> Result<Self> {
        let origin = origin(&stage.profile.credentials.source);
        let credentials = kept(&directory.certificates())?.attributed_to(origin);
        Ok(Self { endpoint: endpoint(stage, job)?, credentials })
    }

    /// The cluster, once the credentials have passed their checks; `warn` is given what their owner
    /// should know.
    pub(crate) fn cluster(&self, profile: &Profile, mut warn: impl FnMut(&str)) -> Result<Cluster> {
        let notice = profile.credentials.expiry_warning;
        let checked = Identity::check(&self.credentials, SystemTime::now(), notice)?;
        let found = self.endpoint.warning();
        let warnings = found.iter().chain(self.credentials.warnings()).chain(&checked.warnings);
        warnings.for_each(|words| warn(words));
        Ok(Cluster::new(self.endpoint.clone(), checked.identity, limits(profile)))
    }
}

/// How long the cluster, or another engine, may take to answer.
fn limits(profile: &Profile) -> Limits {
    let connect = profile.cluster.connect_timeout;
    Limits { connect, check: connect + HANDICAP, ..Limits::default() }
}

/// The credentials that prepare wrote here.
fn kept(certificates: &Path) -> Result<Credentials> {
    if certificates.is_dir() {
        return Credentials::from_directory(certificates);
    }
    Err(Failure::system(format!("the certificates in {} are gone", certificates.display()))
        .hint("run needs a prepare before it, and no cleanup in between: retry the job"))
}

fn endpoint(stage: &Stage<'_>, job: &JobContext) -> Result<Endpoint> {
    let cluster = &stage.profile.cluster;
    if let Some(endpoint) = &cluster.endpoint {
        return Endpoint::parse(endpoint, setting(stage, "cluster"));
    }
    let name = &cluster.endpoint_variable;
    match job.variable(name) {
        Some(address) => Endpoint::parse(&address, Source::Variable(name.clone())),
        None => Err(docker::credentials::missing_variable(
            name,
            "the cluster's address, tcp://HOST:2376",
        )),
    }
}

/// The key `endpoint` in this section of the stage's profile.
fn setting(stage: &Stage<'_>, section: &str) -> Source {
    Source::Setting(format!(
        "endpoint of [profile.{}.{section}] in {}",
        stage.arguments.profile,
        stage.settings_path.display()
    ))
}

async fn credentials_from(source: &CredentialSource, job: &JobContext) -> Result<Credentials> {
    match source {
        CredentialSource::Variables(names) => {
            Credentials::from_variables(names, |name| job.variable(name))
        }
        CredentialSource::Directory(path) => Credentials::from_directory(path),
        CredentialSource::Command { argv, timeout } => {
            let (program, arguments) = argv.split_first().ok_or_else(|| {
                Failure::system("the credentials command of the profile is empty")
                    .hint("name a program in `command`")
            })?;
            let (program, arguments) = (program.clone(), arguments.to_vec());
            // Marked as the job's, so that cleanup ends it when prepare was killed.
            let environment = vec![(MARK.to_owned(), job.key.to_string())];
            let command = Command { program, arguments, environment, timeout: *timeout };
            Credentials::from_command(&command).await
        }
    }
}

/// Who answers for the credentials, whichever copy of them is read.
fn origin(source: &CredentialSource) -> Origin {
    match source {
        CredentialSource::Variables(names) => Origin::Variables(names.clone()),
        CredentialSource::Directory(path) => Origin::Directory(path.clone()),
        CredentialSource::Command { argv, .. } => {
            Origin::Command(argv.first().cloned().unwrap_or_default())
        }
    }
}

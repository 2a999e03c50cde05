//! The way to the engine that holds the job's containers: the cluster's own, or another.

use std::path::PathBuf;

use docker::endpoint::Source;
use docker::{Credentials, Engine, EngineAddress};
use job::settings::CredentialSource;
use job::{Failure, JobContext, Profile, Result};

use super::{Access, credentials_from, kept, limits, origin, setting};
use crate::stage::Stage;
use crate::state::JobDirectory;

/// An engine's address, and the credentials for it that were read, not yet checked.
pub(crate) struct EngineAccess {
    pub(crate) address: EngineAddress,
    /// None for a local one.
    pub(crate) credentials: Option<Credentials>,
}

/// Which engine a profile means, and whose credentials open it.
enum Which<'a> {
    /// The cluster's, with its credentials.
    Cluster,
    /// Another one, at this address; without credentials of its own, with the cluster's.
    Other(&'a str, Option<&'a CredentialSource>),
}

impl EngineAccess {
    /// Whether the engine is the cluster's own.
    pub(crate) fn is_of_cluster(stage: &Stage<'_>) -> bool {
        matches!(which(stage), Which::Cluster)
    }

    /// Reads address and credentials from where the profile says they are; `cluster` is the
    /// cluster's, if it has been read already.
    pub(crate) async fn gather(
        stage: &Stage<'_>,
        job: &JobContext,
        cluster: Option<&Access>,
    ) -> Result<Self> {
        let (text, own) = match (which(stage), cluster) {
            (Which::Cluster, Some(cluster)) => return Ok(Self::of_cluster(cluster)),
            (Which::Cluster, None) => {
                return Ok(Self::of_cluster(&Access::gather(stage, job).await?));
            }
            (Which::Other(text, own), _) => (text, own),
        };
        let address = EngineAddress::parse(text, setting(stage, "engine"))?;
        let credentials = match (&address, own, cluster) {
            (EngineAddress::Local(_), ..) => None,
            (_, None, Some(cluster)) => Some(cluster.credentials.clone()),
            (_, own, _) => {
                let source = own.unwrap_or(&stage.profile.credentials.source);
                Some(credentials_from(source, job).await?)
            }
        };
        Ok(Self { address, credentials })
    }

    /// Reads the credentials that prepare wrote into the job's directory.
    pub(crate) fn prepared(
        stage: &Stage<'_>,
        job: &JobContext,
        directory: &JobDirectory,
    ) -> Result<Self> {
        let (text, own) = match which(stage) {
            Which::Cluster => {
                return Ok(Self::of_cluster(&Access::prepared(stage, job, directory)?));
            }
            Which::Other(text, own) => (text, own),
        };
        let address = EngineAddress::parse(text, setting(stage, "engine"))?;
        if matches!(address, EngineAddress::Local(_)) {
            return Ok(Self { address, credentials: None });
        }
        let origin = origin(own.unwrap_or(&stage.profile.credentials.source));
        let certificates = Self::certificates(stage, directory);
        let credentials = kept(&certificates)?.attributed_to(origin);
        Ok(Self { address, credentials: Some(credentials) })
    }

    /// The way by which a job's record and directory lead there, whatever the settings say now.
    /// Nothing when they don't lead anywhere.
    pub(crate) fn remembered(directory: &JobDirectory) -> Option<Self> {
        let record = directory.record()?;
        let source = Source::Setting(format!("job.json of job {}", directory.key()));
        let address = EngineAddress::parse(&record.engine()?.address, source).ok()?;
        if matches!(address, EngineAddress::Local(_)) {
            return Some(Self { address, credentials: None });
        }
        let credentials = directory
            .all_certificates()
            .iter()
            .find_map(|certificates| Credentials::from_directory(certificates).ok())?;
        Some(Self { address, credentials: Some(credentials) })
    }

    /// Whether the credentials are others than the cluster's.
    pub(crate) fn has_own_credentials(stage: &Stage<'_>) -> bool {
        matches!(which(stage), Which::Other(_, Some(_)))
    }

    /// Where prepare puts the credentials for the stages after it.
    pub(crate) fn certificates(stage: &Stage<'_>, directory: &JobDirectory) -> PathBuf {
        if Self::has_own_credentials(stage) {
            directory.engine_certificates()
        } else {
            directory.certificates()
        }
    }

    /// The engine, once the credentials have passed their checks; `warn` is given what their owner
    /// should know.
    pub(crate) fn engine(&self, profile: &Profile, warn: impl FnMut(&str)) -> Result<Engine> {
        let limits = limits(profile);
        match (&self.address, &self.credentials) {
            (EngineAddress::Local(socket), _) => Ok(Engine::local(socket.clone(), limits)),
            (EngineAddress::Remote(endpoint), Some(credentials)) => {
                let access =
                    Access { endpoint: endpoint.clone(), credentials: credentials.clone() };
                Ok(access.cluster(profile, warn)?.engine().clone())
            }
            (EngineAddress::Remote(endpoint), None) => {
                Err(Failure::system(format!("there are no credentials for the engine {endpoint}"))
                    .hint("name them in [profile.NAME.engine.credentials]"))
            }
        }
    }

    fn of_cluster(cluster: &Access) -> Self {
        Self {
            address: EngineAddress::Remote(cluster.endpoint.clone()),
            credentials: Some(cluster.credentials.clone()),
        }
    }
}

fn which<'a>(stage: &'a Stage<'_>) -> Which<'a> {
    let engine = &stage.profile.engine;
    match &engine.endpoint {
        None => Which::Cluster,
        Some(text) => {
            Which::Other(text, engine.credentials.as_ref().map(|credentials| &credentials.source))
        }
    }
}

//! `job.json`: what prepare tells the stages after it.
//!
//! For cleanup it is an aid, not the truth: everything that cleanup needs also follows from the
//! job and its profile. It lets cleanup find the job's things with the settings broken and the
//! environment missing. It never holds a secret of the job's, only where such may be.

use std::io;
use std::path::{Path, PathBuf};

use job::JobKey;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::placement::{EngineRecord, HostPlace};
use crate::secrets::SecretPlaces;

/// What prepare tells the stages after it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct JobRecord {
    /// The job's key, by which everything of it is marked.
    pub(crate) key: String,
    /// gitlab-runner's directory for this attempt: the working directory of every stage.
    pub(crate) attempt_directory: PathBuf,
    /// Where the job's scripts run.
    pub(crate) place: PlaceRecord,
}

/// Where a job's scripts run.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PlaceRecord {
    Host(HostRecord),
    Engine(Box<EngineRecord>),
}

/// What a job has on the runner machine when it runs there.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct HostRecord {
    /// The directory in which the job's sources are.
    pub(crate) builds_directory: PathBuf,
    /// Whether that directory goes with the job.
    pub(crate) remove_builds_directory: bool,
    /// Where in it secrets come to lie.
    pub(crate) secrets: SecretPlaces,
}

impl JobRecord {
    /// The record of job `key` at `place`, of no attempt yet.
    pub(crate) fn new(key: &JobKey, place: PlaceRecord) -> Self {
        Self { key: key.to_string(), attempt_directory: PathBuf::new(), place }
    }

    /// Whether it can be the one of job `key`: whatever is removed by it is called like the job.
    pub(crate) fn belongs_to(&self, key: &JobKey) -> bool {
        self.key == key.as_str() && self.host().is_none_or(|host| host.is_named_after(key))
    }

    /// What the job has on the runner machine, if it runs there.
    pub(crate) fn host(&self) -> Option<&HostRecord> {
        match &self.place {
            PlaceRecord::Host(host) => Some(host),
            PlaceRecord::Engine(_) => None,
        }
    }

    /// What the job has on an engine, if it runs there.
    pub(crate) fn engine(&self) -> Option<&EngineRecord> {
        match &self.place {
            PlaceRecord::Engine(engine) => Some(engine),
            PlaceRecord::Host(_) => None,
        }
    }

    /// Reads the record at `path`; nothing when it is absent or broken.
    pub(super) fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    /// Writes it at `path`, whole or not at all.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let directory = path.parent().unwrap_or(Path::new("/"));
        let mut file = NamedTempFile::new_in(directory)?;
        serde_json::to_writer(&mut file, self)?;
        file.persist(path)?;
        Ok(())
    }
}

impl HostRecord {
    /// The record of a job at `place`.
    pub(crate) fn new(place: &HostPlace, secrets: SecretPlaces) -> Self {
        Self {
            builds_directory: place.builds_directory.clone(),
            remove_builds_directory: !place.shared,
            secrets,
        }
    }

    /// The directory below which no link is followed: the operator's own, so that the job can have
    /// put nothing else in its place.
    pub(crate) fn trusted_root(&self) -> &Path {
        let builds = self.builds_directory.as_path();
        if self.remove_builds_directory { builds.parent().unwrap_or(builds) } else { builds }
    }

    fn is_named_after(&self, key: &JobKey) -> bool {
        self.builds_directory.ends_with(key.as_str()) || !self.remove_builds_directory
    }
}

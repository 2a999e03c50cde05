//! `job.json`: what prepare tells cleanup.
//!
//! An aid, not the truth: everything in it but the attempt directory also follows from the job and
//! its profile. It lets cleanup find the job's things with the settings broken and the environment
//! missing. It never holds a secret, only where secrets may be.

use std::io;
use std::path::{Path, PathBuf};

use job::JobKey;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::placement::HostPlace;
use crate::secrets::SecretPlaces;

/// What prepare tells cleanup.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct JobRecord {
    /// The job's key, by which its processes are marked.
    pub(crate) key: String,
    /// gitlab-runner's directory for this attempt: the working directory of every stage.
    pub(crate) attempt_directory: PathBuf,
    /// The directory in which the job's sources are.
    pub(crate) builds_directory: PathBuf,
    /// Whether that directory goes with the job.
    pub(crate) remove_builds_directory: bool,
    /// Where in it secrets come to lie.
    pub(crate) secrets: SecretPlaces,
}

impl JobRecord {
    /// The record of job `key` at `place`, of no attempt yet.
    pub(crate) fn new(key: &JobKey, place: &HostPlace, secrets: SecretPlaces) -> Self {
        Self {
            key: key.to_string(),
            attempt_directory: PathBuf::new(),
            builds_directory: place.builds_directory.clone(),
            remove_builds_directory: !place.shared,
            secrets,
        }
    }

    /// Whether it can be the one of job `key`: whatever is removed by it is called like the job.
    pub(crate) fn belongs_to(&self, key: &JobKey) -> bool {
        let is_named = self.builds_directory.ends_with(key.as_str());
        self.key == key.as_str() && (is_named || !self.remove_builds_directory)
    }

    /// The directory below which no link is followed: the operator's own, so that the job can have
    /// put nothing else in its place.
    pub(crate) fn trusted_root(&self) -> &Path {
        let builds = self.builds_directory.as_path();
        if self.remove_builds_directory { builds.parent().unwrap_or(builds) } else { builds }
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

//! The response file: what GitLab itself says of the job.
//!
//! gitlab-runner 14.1 and later writes the coordinator's answer as JSON and names it in
//! `JOB_RESPONSE_FILE`. Fields are those of `common/spec/spec.go`; what this project doesn't use is
//! left unread. A Go `nil` slice arrives as `null`, which reads as empty. The file holds the job
//! token and every variable, so no parse error quotes from it.

mod image;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use thiserror::Error;

use crate::secret::Secret;
use crate::variables::Variables;

pub use image::Image;

/// The coordinator's answer, as far as this project uses it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct JobResponse {
    /// The job's id, unique per GitLab instance.
    pub id: u64,
    /// What the job is.
    pub job_info: JobInfo,
    /// Which commit it runs for.
    pub git_info: GitInfo,
    /// The job's variables, unexpanded.
    #[serde(deserialize_with = "null_is_default")]
    pub variables: Variables,
    /// The job's scripts.
    #[serde(deserialize_with = "null_is_default")]
    pub steps: Vec<Step>,
    /// The job's scripts around the fetching of its sources.
    #[serde(deserialize_with = "null_is_default")]
    hooks: Vec<Step>,
    #[serde(deserialize_with = "null_is_default")]
    cache: Vec<IgnoredAny>,
    #[serde(deserialize_with = "null_is_default")]
    artifacts: Vec<IgnoredAny>,
    #[serde(deserialize_with = "null_is_default")]
    dependencies: Vec<Dependency>,
    /// The image that the job asks for; an empty name when it asks for none.
    pub image: Image,
    /// The services that the job asks for.
    #[serde(deserialize_with = "null_is_default")]
    pub services: Vec<Image>,
    /// Logins that GitLab gives the job.
    #[serde(deserialize_with = "null_is_default")]
    pub credentials: Vec<RegistryCredential>,
    /// Variables that gitlab-runner fetches from a store of secrets, by name.
    #[serde(deserialize_with = "null_is_default")]
    pub secrets: BTreeMap<String, StoredSecret>,
}

/// What the job is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct JobInfo {
    /// The job's name in `.gitlab-ci.yml`.
    pub name: String,
    /// Its stage.
    pub stage: String,
    /// The project's id.
    pub project_id: u64,
    /// The project's name, without its group.
    pub project_name: String,
    /// The project's path with its groups; since 18.
    pub project_full_path: Option<String>,
    /// The id of the user who started the job; since 18.
    pub user_id: Option<u64>,
}

/// Which commit the job runs for.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct GitInfo {
    /// Where to clone from. Holds the job token, so it is reached by [`GitInfo::host`] only.
    repo_url: String,
    /// The branch or tag.
    #[serde(rename = "ref")]
    pub reference: String,
    /// `branch` or `tag`.
    pub ref_type: String,
    /// The commit.
    pub sha: String,
    /// Whether the branch or tag is protected; since 18.
    pub protected: Option<bool>,
}

impl GitInfo {
    /// The GitLab instance's host, with its port if it has one, as the clone address names it.
    pub fn host(&self) -> Option<&str> {
        let authority = self.repo_url.split_once("://")?.1.split(['/', '?', '#']).next()?;
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        (!host.is_empty()).then_some(host)
    }
}

/// Leaves the clone address out: it holds the job token.
impl std::fmt::Debug for GitInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GitInfo")
            .field("host", &self.host())
            .field("reference", &self.reference)
            .field("ref_type", &self.ref_type)
            .field("sha", &self.sha)
            .field("protected", &self.protected)
            .finish_non_exhaustive()
    }
}

/// One script of the job: `script`, `after_script`, or a step of its own name.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Its lines, unexpanded.
    #[serde(deserialize_with = "null_is_default")]
    pub script: Vec<String>,
}

/// An earlier job, which may have uploaded nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Dependency {
    artifacts_file: ArtifactsFile,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ArtifactsFile {
    filename: String,
}

/// A variable that gitlab-runner fetches from a store of secrets.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct StoredSecret {
    /// Whether it is of type file, which it is unless the job says otherwise.
    file: Option<bool>,
}

impl StoredSecret {
    /// Whether it is of type file.
    pub fn is_file(&self) -> bool {
        self.file.unwrap_or(true)
    }
}

/// A login that GitLab gives the job. Those of the kind `registry` are for images.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RegistryCredential {
    /// What it is for.
    #[serde(rename = "type")]
    pub kind: String,
    /// The registry, possibly with a path below it.
    pub url: String,
    /// The user.
    pub username: String,
    /// The user's password.
    pub password: Secret,
}

/// Why a response file could not be read.
#[derive(Debug, Error)]
pub enum ResponseError {
    /// The file can't be read.
    #[error("cannot read the job response file {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file isn't the JSON that gitlab-runner writes.
    #[error(
        "the job response file {} is not a job response: line {line}, column {column} is not as expected",
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line of the mistake, from 1.
        line: usize,
        /// Column of the mistake, from 1.
        column: usize,
    },
}

impl JobResponse {
    /// Reads the file that gitlab-runner wrote.
    pub fn read(path: &Path) -> Result<Self, ResponseError> {
        let json = std::fs::read(path)
            .map_err(|source| ResponseError::Unreadable { path: path.to_owned(), source })?;
        serde_json::from_slice(&json).map_err(|error| ResponseError::Malformed {
            path: path.to_owned(),
            line: error.line(),
            column: error.column(),
        })
    }

    /// Whether the job has a cache, uploads artifacts or gets those of other jobs.
    pub(crate) fn moves_files(&self) -> bool {
        let uploaded = |job: &Dependency| !job.artifacts_file.filename.is_empty();
        let is_given = self.dependencies.iter().any(uploaded);
        is_given || !self.cache.is_empty() || !self.artifacts.is_empty()
    }

    /// Whether the job has scripts of its own around the fetching of its sources.
    pub(crate) fn has_hooks(&self) -> bool {
        self.hooks.iter().any(|hook| !hook.script.is_empty())
    }
}

/// Reads Go's `null` for an empty slice.
fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::ExposeSecret;

    #[test]
    fn nulls_of_go_read_as_empty() {
        let response: JobResponse =
            serde_json::from_str(r#"{"id":7,"variables":null,"steps":null,"services":null}"#)
                .unwrap();
        assert_eq!(response.id, 7);
        assert!(response.services.is_empty());
    }

    #[test]
    fn the_host_is_read_without_the_token_before_it() {
        let host = |url: &str| {
            let info = GitInfo { repo_url: url.into(), ..GitInfo::default() };
            info.host().map(str::to_owned)
        };
        let full = "https://gitlab-ci-token:s3cret@gitlab.example.com:8443/group/p.git";
        assert_eq!(host(full).as_deref(), Some("gitlab.example.com:8443"));
        assert_eq!(host("").as_deref(), None);
        assert_eq!(host("https://").as_deref(), None);
    }

    #[test]
    fn debug_shows_neither_token_nor_value() {
        let response: JobResponse = serde_json::from_str(
            r#"{"git_info":{"repo_url":"https://x:s3cret@h/p"},
                "variables":[{"key":"K","value":"s3cret"}],
                "services":[{"name":"db","variables":[{"key":"K","value":"s3cret"}]}],
                "credentials":[{"type":"registry","url":"r","username":"u","password":"s3cret"}]}"#,
        )
        .unwrap();
        assert!(!format!("{response:?}").contains("s3cret"));
        assert_eq!(response.credentials[0].kind, "registry");
        assert_eq!(response.credentials[0].password.expose_secret(), "s3cret");
    }

    #[test]
    fn a_malformed_file_is_named_without_a_word_of_its_content() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("response.json");
        std::fs::write(&path, r#"{"id": "s3cret"}"#).unwrap();
        let error = JobResponse::read(&path).unwrap_err().to_string();
        assert!(error.contains("response.json") && !error.contains("s3cret"), "{error}");
    }
}

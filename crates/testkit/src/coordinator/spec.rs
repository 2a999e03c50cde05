//! What a job is to do, as `.gitlab-ci.yml` and the project's settings would say it.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::JobHandle;

/// A job. [`JobSpec::new`] gives one that does nothing; the methods add to it.
#[derive(Clone, Debug)]
pub struct JobSpec {
    /// Its key in `.gitlab-ci.yml`.
    pub name: String,
    /// The pipeline stage it belongs to.
    pub stage: String,
    /// Group and project, such as `group/app`.
    pub project: String,
    /// The lines of `before_script` and `script`, which GitLab joins.
    pub script: Vec<String>,
    /// The lines of `after_script`.
    pub after_script: Vec<String>,
    /// The image asked for; the custom executor may ignore it.
    pub image: Option<String>,
    /// The services asked for.
    pub services: Vec<Service>,
    /// The job's own variables, after those that GitLab predefines.
    pub variables: Vec<Variable>,
    /// `artifacts:paths`; no artifacts while empty.
    pub artifacts: Vec<String>,
    /// The jobs whose artifacts are fetched first, by id.
    pub dependencies: Vec<u64>,
    /// The caches used.
    pub caches: Vec<Cache>,
    /// What fills the project directory.
    pub sources: Sources,
    /// When the runner ends the job.
    pub timeout: Duration,
}

/// A service beside the job.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Service {
    /// The image to run.
    pub name: String,
    /// Its host names beside those made from the image's name, separated by spaces or commas.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub alias: String,
    /// Replaces the image's entrypoint.
    pub entrypoint: Vec<String>,
    /// Replaces the image's command.
    pub command: Vec<String>,
    /// Its own variables.
    pub variables: Vec<Variable>,
}

/// A CI/CD variable with the marks that GitLab gives it.
#[derive(Clone, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "GitLab's marks are independent of each other")]
pub struct Variable {
    key: String,
    value: String,
    public: bool,
    file: bool,
    masked: bool,
    raw: bool,
}

/// A cache that is restored before the script and archived after it.
#[derive(Clone, Debug)]
pub struct Cache {
    /// Its key.
    pub key: String,
    /// What it holds, relative to the project directory.
    pub paths: Vec<String>,
}

/// What fills the project directory.
#[derive(Clone, Debug, Default)]
pub enum Sources {
    /// Nothing: the variable `GIT_STRATEGY` is `none`.
    #[default]
    None,
    /// A clone.
    Clone {
        /// Where to clone from; a `file://` address will do.
        url: String,
        /// The branch.
        branch: String,
        /// The full name of the commit.
        commit: String,
    },
}

impl JobSpec {
    /// A job of the project `group/app` that does nothing.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            stage: "test".to_owned(),
            project: "group/app".to_owned(),
            script: Vec::new(),
            after_script: Vec::new(),
            image: None,
            services: Vec::new(),
            variables: Vec::new(),
            artifacts: Vec::new(),
            dependencies: Vec::new(),
            caches: Vec::new(),
            sources: Sources::None,
            timeout: Duration::from_hours(1),
        }
    }

    /// Adds lines to the script; call it for `before_script` first.
    #[must_use]
    pub fn script<S: Into<String>>(mut self, lines: impl IntoIterator<Item = S>) -> Self {
        self.script.extend(lines.into_iter().map(Into::into));
        self
    }

    /// Adds lines to `after_script`.
    #[must_use]
    pub fn after_script<S: Into<String>>(mut self, lines: impl IntoIterator<Item = S>) -> Self {
        self.after_script.extend(lines.into_iter().map(Into::into));
        self
    }

    /// Sets the image.
    #[must_use]
    pub fn image(mut self, name: impl Into<String>) -> Self {
        self.image = Some(name.into());
        self
    }

    /// Adds a service; a name alone will do.
    #[must_use]
    pub fn service(mut self, service: impl Into<Service>) -> Self {
        self.services.push(service.into());
        self
    }

    /// Adds a variable; it wins over earlier ones of its name.
    #[must_use]
    pub fn variable(mut self, variable: Variable) -> Self {
        self.variables.push(variable);
        self
    }

    /// Adds a path to what is uploaded after a success.
    #[must_use]
    pub fn artifact(mut self, path: impl Into<String>) -> Self {
        self.artifacts.push(path.into());
        self
    }

    /// Has the artifacts of `job` fetched before the script, if it uploaded any by then.
    #[must_use]
    pub fn artifacts_of(mut self, job: &JobHandle) -> Self {
        self.dependencies.push(job.id());
        self
    }

    /// Adds a cache.
    #[must_use]
    pub fn cache(mut self, key: impl Into<String>, path: impl Into<String>) -> Self {
        self.caches.push(Cache { key: key.into(), paths: vec![path.into()] });
        self
    }

    /// Sets what fills the project directory.
    #[must_use]
    pub fn sources(mut self, sources: Sources) -> Self {
        self.sources = sources;
        self
    }

    /// Sets when the runner ends the job.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl From<&str> for Service {
    fn from(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }
}

impl Variable {
    /// A variable as `.gitlab-ci.yml` defines them: public, and expanded.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        let (key, value) = (key.into(), value.into());
        Self { key, value, public: true, file: false, masked: false, raw: false }
    }

    /// A variable of the project's settings, where secrets are kept.
    pub fn secret(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { public: false, ..Self::new(key, value) }
    }

    /// Of type file: the script sees the path of a file that holds the value.
    #[must_use]
    pub fn file(self) -> Self {
        Self { file: true, ..self }
    }

    /// Masked: the job log shows `[MASKED]` for the value.
    #[must_use]
    pub fn masked(self) -> Self {
        Self { masked: true, ..self }
    }

    /// Raw: `$` in the value is left alone.
    #[must_use]
    pub fn raw(self) -> Self {
        Self { raw: true, ..self }
    }
}

/// Leaves the value out: it may be a secret, whatever its marks.
impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Variable").field("key", &self.key).finish_non_exhaustive()
    }
}

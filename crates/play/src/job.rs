//! One job, as GitLab would describe it to a runner.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::Variable;

/// A job. [`Job::new`] gives one that does nothing; the methods add to it.
#[derive(Clone, Debug)]
pub struct Job {
    /// GitLab's number of the job, unique per instance.
    pub id: u64,
    /// The job's own credential for GitLab's API.
    pub token: String,
    /// Its key in `.gitlab-ci.yml`.
    pub name: String,
    /// The pipeline stage it belongs to.
    pub stage: String,
    /// GitLab's number of the pipeline.
    pub pipeline_id: u64,
    /// Who started the pipeline.
    pub user_id: u64,
    /// Where it belongs.
    pub project: Project,
    /// What it is about.
    pub git: Git,
    /// The image asked for; the custom executor may ignore it.
    pub image: Option<Image>,
    /// The services asked for.
    pub services: Vec<Service>,
    /// The job's own variables, lowest precedence first, after those that GitLab predefines.
    pub variables: Vec<Variable>,
    /// `script` and `after_script`, and any others, in order.
    pub steps: Vec<Step>,
    /// Registries that GitLab gives the runner credentials for.
    pub credentials: Vec<Credential>,
    /// When the runner ends the job.
    pub timeout: Duration,
    /// What fills the project directory.
    pub sources: Sources,
    /// `cache:`; without any, the stages `restore_cache` and `archive_cache` are skipped.
    pub caches: Vec<Cache>,
    /// `artifacts:paths`; without any, the stages `upload_artifacts_on_*` are skipped.
    pub artifacts: Vec<String>,
    /// Earlier jobs whose artifacts are fetched; without any, `download_artifacts` is skipped.
    pub dependencies: Vec<Dependency>,
    /// The job log has the marks that GitLab folds sections by.
    pub trace_sections: bool,
}

/// A GitLab project.
#[derive(Clone, Debug)]
pub struct Project {
    /// Unique per instance.
    pub id: u64,
    /// The last part of its path.
    pub name: String,
    /// Group and project, such as `group/app`.
    pub full_path: String,
    /// The group right above it.
    pub namespace_id: u64,
    /// The topmost group above it.
    pub root_namespace_id: u64,
}

/// What the pipeline was started for.
#[derive(Clone, Debug)]
pub struct Git {
    /// Branch or tag.
    pub ref_name: String,
    /// Whether it is a tag.
    pub is_tag: bool,
    /// Whether the branch or tag is protected.
    pub protected: bool,
    /// The commit.
    pub sha: String,
    /// Its predecessor on the branch.
    pub before_sha: String,
    /// How many commits back a clone goes; all the way with 0.
    pub depth: u32,
    /// Where the project is in GitLab, with credentials in real life. `CI_SERVER_URL` is what it
    /// begins with; what is really cloned, [`Sources`] says.
    pub repo_url: String,
}

/// An image to run the script in.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// Its reference; may hold `$VARIABLES`.
    pub name: String,
    /// Replaces the image's own.
    pub entrypoint: Vec<String>,
    /// When to pull, in order of preference.
    pub pull_policy: Vec<String>,
    /// `image:docker:user`.
    pub user: Option<String>,
    /// `image:docker:platform`.
    pub platform: Option<String>,
}

/// A service beside the job.
#[derive(Clone, Debug, Default)]
pub struct Service {
    /// The image to run.
    pub image: Image,
    /// Host names, besides those made from the image's name.
    pub aliases: Vec<String>,
    /// Replaces the image's own.
    pub command: Vec<String>,
    /// The service's own variables.
    pub variables: Vec<Variable>,
}

/// One step; `name` is `script`, `after_script` or another such as `release`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Becomes the stage `step_<name>`, except `after_script`.
    pub name: String,
    /// Commands, each a line or several.
    pub script: Vec<String>,
}

/// A credential for a registry, as in the job response.
#[derive(Clone, Serialize)]
pub struct Credential {
    /// `registry`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The registry's host.
    pub url: String,
    /// Usually `gitlab-ci-token`.
    pub username: String,
    /// Usually the job's token.
    pub password: String,
}

/// A cache that is restored before the script and saved after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// Its key.
    pub key: String,
    /// What it holds, relative to the project directory.
    pub paths: Vec<String>,
}

/// An earlier job and the archive that `artifacts:paths` became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The earlier job's number.
    pub id: u64,
    /// Its key in `.gitlab-ci.yml`.
    pub name: String,
    /// What its archive is called.
    pub file_name: String,
    /// The archive's size in bytes.
    pub size: u64,
}

/// What the generated `get_sources` script puts into the project directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sources {
    /// Nothing; the directory is made when it is missing, as with `GIT_STRATEGY: none`.
    #[default]
    None,
    /// Nothing; the directory is emptied first, as with `GIT_STRATEGY: empty`.
    Empty,
    /// A fetch of branches and tags and a checkout of [`Git::sha`], or of [`Git::ref_name`] while
    /// no commit is set.
    Clone {
        /// Anything that `git fetch` takes.
        url: String,
    },
    /// A copy of a directory on this machine as it is now: uncommitted and untracked files too,
    /// ignored ones not. Of a git repository the last [`Git::depth`] commits come along.
    ///
    /// The scripts carry it, so that it gets wherever they run: as many of them as it takes, for a
    /// driver reads each as a whole. Its size is bounded by the disk there only.
    WorkingTree(PathBuf),
}

impl Job {
    /// A job of the project `group/app` that does nothing.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            id: 4242,
            token: "played-job-token".to_owned(),
            name: name.into(),
            stage: "test".to_owned(),
            pipeline_id: 77,
            user_id: 5,
            project: Project::default(),
            git: Git::default(),
            image: None,
            services: Vec::new(),
            variables: Vec::new(),
            steps: Vec::new(),
            credentials: Vec::new(),
            timeout: Duration::from_hours(1),
            sources: Sources::None,
            caches: Vec::new(),
            artifacts: Vec::new(),
            dependencies: Vec::new(),
            trace_sections: false,
        }
    }

    /// Sets `before_script` and `script`, which GitLab joins into one step.
    #[must_use]
    pub fn script<S: Into<String>>(self, commands: impl IntoIterator<Item = S>) -> Self {
        self.step("script", commands)
    }

    /// Sets `after_script`.
    #[must_use]
    pub fn after_script<S: Into<String>>(self, commands: impl IntoIterator<Item = S>) -> Self {
        self.step("after_script", commands)
    }

    /// Adds a step of any name.
    #[must_use]
    pub fn step<S: Into<String>>(
        mut self,
        name: &str,
        commands: impl IntoIterator<Item = S>,
    ) -> Self {
        let script = commands.into_iter().map(Into::into).collect();
        self.steps.push(Step { name: name.to_owned(), script });
        self
    }

    /// Adds a variable; it wins over earlier ones of its name.
    #[must_use]
    pub fn variable(mut self, variable: Variable) -> Self {
        self.variables.push(variable);
        self
    }

    /// Sets the image by name.
    #[must_use]
    pub fn image(mut self, name: impl Into<String>) -> Self {
        self.image = Some(Image { name: name.into(), ..Image::default() });
        self
    }

    /// Adds a service; a name alone will do.
    #[must_use]
    pub fn service(mut self, service: impl Into<Service>) -> Self {
        self.services.push(service.into());
        self
    }

    /// Adds a path to what is uploaded in the end.
    #[must_use]
    pub fn artifact(mut self, path: impl Into<String>) -> Self {
        self.artifacts.push(path.into());
        self
    }

    /// Adds an earlier job, whose artifacts are fetched before the script.
    #[must_use]
    pub fn dependency(mut self, earlier: Dependency) -> Self {
        self.dependencies.push(earlier);
        self
    }

    /// Adds a cache of one path.
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

    /// The commands of the step called `name`; nothing where it has none.
    pub(crate) fn commands(&self, name: &str) -> Option<&[String]> {
        let step = self.steps.iter().find(|step| step.name == name)?;
        (!step.script.is_empty()).then_some(step.script.as_slice())
    }
}

impl Default for Project {
    fn default() -> Self {
        Self {
            id: 11,
            name: "app".to_owned(),
            full_path: "group/app".to_owned(),
            namespace_id: 3,
            root_namespace_id: 3,
        }
    }
}

impl Project {
    /// The group's path.
    pub(crate) fn namespace(&self) -> &str {
        self.full_path.rsplit_once('/').map_or("", |(namespace, _)| namespace)
    }
}

impl Default for Git {
    fn default() -> Self {
        Self {
            ref_name: "main".to_owned(),
            is_tag: false,
            protected: true,
            sha: String::new(),
            before_sha: "0".repeat(40),
            depth: 0,
            repo_url: "https://gitlab.example.com/group/app.git".to_owned(),
        }
    }
}

impl From<&str> for Service {
    fn from(name: &str) -> Self {
        let image = Image { name: name.to_owned(), ..Image::default() };
        Self { image, ..Self::default() }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} credential of {} for {}", self.kind, self.username, self.url)
    }
}

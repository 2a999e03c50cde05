//! The variables of a job: those that GitLab predefines, those that the runner adds.
//!
//! Names from <https://docs.gitlab.com/ci/variables/predefined_variables/>; the order, lowest
//! precedence first, from `GetAllVariables` in gitlab-runner's `common/build.go`.

use std::path::Path;

use crate::{Job, Protocol, Runner, Variable, Variables};

/// Where the build takes place, once config has said so; empty before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    pub(crate) builds_dir: String,
    pub(crate) project_dir: String,
    /// Where the project's caches are kept.
    pub(crate) caches: String,
}

impl Place {
    /// Below `builds_dir` as gitlab-runner lays it out: shared directories are kept apart by
    /// runner and concurrency.
    pub(crate) fn new(
        runner: &Runner,
        job: &Job,
        (builds_dir, cache_dir): (&Path, &Path),
        is_shared: bool,
    ) -> Self {
        let builds_dir = builds_dir.display().to_string();
        let path = &job.project.full_path;
        let caches = cache_dir.join(path).display().to_string();
        let project_dir = if is_shared {
            let (token, concurrent) = (runner.short_token(), runner.concurrent_project_id);
            format!("{builds_dir}/{token}/{concurrent}/{path}")
        } else {
            format!("{builds_dir}/{path}")
        };
        Self { builds_dir, project_dir, caches }
    }

    /// Where file-type variables are written.
    pub(crate) fn temp_dir(&self) -> String {
        format!("{}.tmp", self.project_dir)
    }
}

/// Everything the job and the driver see, expanded.
pub(crate) fn all(runner: &Runner, job: &Job, place: &Place) -> Variables {
    let protocol = runner.protocol;
    let mut list = before_job(runner, job, place);
    list.extend(job_variables(runner.id, &runner.name, job));
    list.extend(after_job(protocol, place));
    Variables::new(list, protocol, &place.temp_dir()).expanded()
}

/// What GitLab itself sends with the job: predefined ones, then the job's own.
pub(crate) fn job_variables(runner_id: u64, runner_name: &str, job: &Job) -> Vec<Variable> {
    let mut list = predefined(runner_id, runner_name, job);
    list.extend(job.variables.iter().cloned());
    list
}

fn before_job(runner: &Runner, job: &Job, place: &Place) -> Vec<Variable> {
    let mut list = Vec::new();
    if let Some(image) = &job.image {
        list.push(Variable::new("CI_JOB_IMAGE", &image.name));
    }
    list.push(Variable::new("CI_RUNNER_SHORT_TOKEN", runner.short_token()));
    list.extend(runner.environment.iter().cloned());
    list.extend([
        Variable::new("CI_BUILDS_DIR", &place.builds_dir),
        Variable::new("CI_PROJECT_DIR", &place.project_dir),
        Variable::new("CI_CONCURRENT_ID", runner.concurrent_id.to_string()),
        Variable::new("CI_CONCURRENT_PROJECT_ID", runner.concurrent_project_id.to_string()),
        Variable::new("CI_SERVER", "yes"),
        Variable::new("CI_JOB_STATUS", "running"),
    ]);
    if runner.protocol.is_modern() {
        list.push(Variable::new("CI_JOB_TIMEOUT", job.timeout.as_secs().to_string()));
    }
    list
}

fn after_job(protocol: Protocol, place: &Place) -> Vec<Variable> {
    let mut list = vec![
        Variable::new("CI_SHARED_ENVIRONMENT", "true"),
        Variable::new("CI_RUNNER_VERSION", protocol.version()),
        Variable::new("CI_RUNNER_REVISION", protocol.revision()),
        Variable::new("CI_RUNNER_EXECUTABLE_ARCH", "linux/amd64"),
    ];
    if protocol.is_modern() {
        list.push(Variable::new("RUNNER_TEMP_PROJECT_DIR", place.temp_dir()));
    }
    list
}

fn predefined(runner_id: u64, runner_name: &str, job: &Job) -> Vec<Variable> {
    let (project, git) = (&job.project, &job.git);
    let server = Server::of(&git.repo_url);
    let project_url = format!("{}/{}", server.url, project.full_path);
    let plain = [
        ("CI_PIPELINE_ID", job.pipeline_id.to_string()),
        ("CI_PIPELINE_URL", format!("{project_url}/-/pipelines/{}", job.pipeline_id)),
        ("CI_JOB_ID", job.id.to_string()),
        ("CI_JOB_URL", format!("{project_url}/-/jobs/{}", job.id)),
        ("CI_REGISTRY_USER", "gitlab-ci-token".to_owned()),
        ("CI_JOB_NAME", job.name.clone()),
        ("CI_JOB_NAME_SLUG", slug(&job.name)),
        ("CI_JOB_STAGE", job.stage.clone()),
        ("CI", "true".to_owned()),
        ("GITLAB_CI", "true".to_owned()),
        ("CI_SERVER_URL", server.url.clone()),
        ("CI_SERVER_HOST", server.host.to_owned()),
        ("CI_SERVER_PORT", server.port.to_owned()),
        ("CI_SERVER_PROTOCOL", server.protocol.to_owned()),
        ("CI_SERVER_NAME", "GitLab".to_owned()),
        ("CI_API_V4_URL", format!("{}/api/v4", server.url)),
        ("CI_PROJECT_ID", project.id.to_string()),
        ("CI_PROJECT_NAME", project.name.clone()),
        ("CI_PROJECT_TITLE", project.name.clone()),
        ("CI_PROJECT_PATH", project.full_path.clone()),
        ("CI_PROJECT_PATH_SLUG", slug(&project.full_path)),
        ("CI_PROJECT_NAMESPACE", project.namespace().to_owned()),
        ("CI_PROJECT_NAMESPACE_ID", project.namespace_id.to_string()),
        ("CI_PROJECT_ROOT_NAMESPACE", root(&project.full_path).to_owned()),
        ("CI_PROJECT_URL", project_url),
        ("CI_PROJECT_VISIBILITY", "private".to_owned()),
        ("CI_DEFAULT_BRANCH", "main".to_owned()),
        ("CI_CONFIG_PATH", ".gitlab-ci.yml".to_owned()),
        ("CI_PIPELINE_SOURCE", "push".to_owned()),
        ("CI_COMMIT_SHA", git.sha.clone()),
        ("CI_COMMIT_SHORT_SHA", git.sha.chars().take(8).collect()),
        ("CI_COMMIT_BEFORE_SHA", git.before_sha.clone()),
        ("CI_COMMIT_REF_NAME", git.ref_name.clone()),
        ("CI_COMMIT_REF_SLUG", slug(&git.ref_name)),
        ("CI_COMMIT_REF_PROTECTED", git.protected.to_string()),
        (if git.is_tag { "CI_COMMIT_TAG" } else { "CI_COMMIT_BRANCH" }, git.ref_name.clone()),
        ("CI_RUNNER_ID", runner_id.to_string()),
        ("CI_RUNNER_DESCRIPTION", runner_name.to_owned()),
        ("CI_RUNNER_TAGS", "[]".to_owned()),
        ("GITLAB_USER_ID", job.user_id.to_string()),
    ];
    let mut list: Vec<Variable> =
        plain.into_iter().map(|(key, value)| Variable::new(key, value)).collect();
    list.push(Variable::secret("CI_JOB_TOKEN", &job.token));
    list.push(Variable::secret("CI_REGISTRY_PASSWORD", &job.token));
    list.push(Variable::new("CI_REPOSITORY_URL", &git.repo_url).private());
    list
}

/// A GitLab instance.
pub(crate) struct Server<'a> {
    protocol: &'a str,
    host: &'a str,
    port: &'a str,
    pub(crate) url: String,
}

impl<'a> Server<'a> {
    /// The one that a repository's URL belongs to.
    pub(crate) fn of(repository: &'a str) -> Self {
        let (protocol, rest) = repository.split_once("://").unwrap_or(("https", repository));
        let authority = rest.split('/').next().unwrap_or_default();
        let address = authority.rsplit('@').next().unwrap_or_default();
        let default_port = if protocol == "http" { "80" } else { "443" };
        let (host, port) = address.split_once(':').unwrap_or((address, default_port));
        Self { protocol, host, port, url: format!("{protocol}://{address}") }
    }
}

fn root(path: &str) -> &str {
    path.split('/').next().unwrap_or_default()
}

/// Lower case, everything else a hyphen, 63 bytes at most, no hyphen at either end.
fn slug(text: &str) -> String {
    let text = text.to_lowercase();
    let slug = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    slug.take(63).collect::<String>().trim_matches('-').to_owned()
}

//! The JSON that hands a job to the runner.
//!
//! Fields are those of gitlab-runner's own reading of it
//! (<https://gitlab.com/gitlab-org/gitlab-runner/-/blob/v18.0.0/common/network.go>, from `JobInfo`
//! on); a version leaves unread what it doesn't know.

use serde_json::{Value, json};

use super::spec::{Cache, Sources, Variable};
use super::{Desk, Job};

/// The only project's, group's, user's and pipeline's number.
const ID: u64 = 11;

/// Failures that the runner may report by name; others it reports as `unknown_failure`.
const FAILURE_REASONS: [&str; 9] = [
    "unknown_failure",
    "script_failure",
    "api_failure",
    "stuck_or_timeout_failure",
    "runner_system_failure",
    "job_execution_timeout",
    "runner_unsupported",
    "image_pull_failure",
    "configuration_error",
];

/// Describes the job as GitLab answers `POST /jobs/request`.
pub(super) fn describe(desk: &Desk, job: &Job) -> Value {
    let spec = &job.spec;
    json!({
        "id": job.id,
        "token": job.token,
        "allow_git_fetch": true,
        "job_info": job_info(job),
        "git_info": git_info(desk, job),
        "runner_info": { "timeout": spec.timeout.as_secs() },
        "inputs": [],
        "variables": variables(desk, job),
        "steps": steps(job),
        "image": spec.image.as_ref().map(|name| json!({ "name": name })),
        "services": spec.services,
        "artifacts": artifacts(job),
        "cache": spec.caches.iter().map(cache).collect::<Vec<_>>(),
        "credentials": [],
        "dependencies": dependencies(desk, job),
        "features": { "trace_sections": true, "failure_reasons": FAILURE_REASONS },
        "hooks": [],
    })
}

fn job_info(job: &Job) -> Value {
    let (_, project) = job.project();
    json!({
        "name": job.spec.name,
        "stage": job.spec.stage,
        "pipeline_id": ID,
        "project_id": ID,
        "project_name": project,
        "project_full_path": job.spec.project,
        "namespace_id": ID,
        "root_namespace_id": ID,
        "organization_id": 1,
        "user_id": ID,
    })
}

/// Always names a repository, because the runner names the project's directory by its path.
fn git_info(desk: &Desk, job: &Job) -> Value {
    let (url, branch, commit) = match &job.spec.sources {
        Sources::None => {
            (format!("{}/{}.git", desk.url(), job.spec.project), "main".to_owned(), "1".repeat(40))
        }
        Sources::Clone { url, branch, commit } => (url.clone(), branch.clone(), commit.clone()),
    };
    json!({
        "repo_url": url,
        "repo_object_format": "sha1",
        "ref": branch,
        "ref_type": "branch",
        "sha": commit,
        "before_sha": "0".repeat(40),
        "refspecs": [format!("+refs/heads/{branch}:refs/remotes/origin/{branch}")],
        "depth": 0,
        "protected": true,
    })
}

/// What GitLab predefines (<https://docs.gitlab.com/ci/variables/predefined_variables/>), as far
/// as the runner or a deploy script looks at it, then the job's own.
fn variables(desk: &Desk, job: &Job) -> Vec<Variable> {
    let spec = &job.spec;
    let (group, project) = job.project();
    let git = git_info(desk, job);
    let text = |field: &str| git[field].as_str().unwrap_or_default().to_owned();
    let mut variables: Vec<_> = [
        ("CI", "true".to_owned()),
        ("GITLAB_CI", "true".to_owned()),
        ("CI_SERVER_URL", desk.url()),
        ("CI_SERVER_PROTOCOL", "http".to_owned()),
        ("CI_SERVER_HOST", "127.0.0.1".to_owned()),
        ("CI_SERVER_PORT", desk.port.to_string()),
        ("CI_API_V4_URL", format!("{}/api/v4", desk.url())),
        ("CI_RUNNER_ID", desk.port.to_string()),
        ("CI_PIPELINE_ID", ID.to_string()),
        ("CI_JOB_ID", job.id.to_string()),
        ("CI_JOB_NAME", spec.name.clone()),
        ("CI_JOB_STAGE", spec.stage.clone()),
        ("CI_PROJECT_ID", ID.to_string()),
        ("CI_PROJECT_NAME", project.to_owned()),
        ("CI_PROJECT_NAMESPACE", group.to_owned()),
        ("CI_PROJECT_PATH", spec.project.clone()),
        ("CI_COMMIT_SHA", text("sha")),
        ("CI_COMMIT_REF_NAME", text("ref")),
        ("CI_COMMIT_BRANCH", text("ref")),
    ]
    .into_iter()
    .map(|(key, value)| Variable::new(key, value))
    .collect();
    variables.push(Variable::secret("CI_JOB_TOKEN", &job.token).masked());
    if matches!(spec.sources, Sources::None) {
        variables.push(Variable::new("GIT_STRATEGY", "none"));
    }
    variables.extend(spec.variables.iter().cloned());
    variables
}

fn steps(job: &Job) -> Vec<Value> {
    let step = |name: &str, lines: &[String], when: &str, allow_failure: bool| {
        json!({
            "name": name,
            "script": lines,
            "timeout": job.spec.timeout.as_secs(),
            "when": when,
            "allow_failure": allow_failure,
        })
    };
    let mut steps = vec![step("script", &job.spec.script, "on_success", false)];
    if !job.spec.after_script.is_empty() {
        steps.push(step("after_script", &job.spec.after_script, "always", true));
    }
    steps
}

fn artifacts(job: &Job) -> Vec<Value> {
    if job.spec.artifacts.is_empty() {
        return Vec::new();
    }
    vec![json!({
        "name": "artifacts",
        "untracked": false,
        "paths": job.spec.artifacts,
        "when": "on_success",
        "artifact_type": "archive",
        "artifact_format": "zip",
        "expire_in": "1 day",
    })]
}

fn cache(cache: &Cache) -> Value {
    json!({
        "key": cache.key,
        "untracked": false,
        "paths": cache.paths,
        "policy": "pull-push",
        "when": "on_success",
        "fallback_keys": [],
    })
}

/// The jobs that have an archive by now; GitLab leaves the others out too.
fn dependencies(desk: &Desk, job: &Job) -> Vec<Value> {
    let jobs = job.spec.dependencies.iter().filter_map(|id| desk.job(*id));
    jobs.filter_map(|dependency| {
        let progress = dependency.progress.borrow();
        let archive = progress.archive()?;
        Some(json!({
            "id": dependency.id,
            "token": job.token,
            "name": dependency.spec.name,
            "artifacts_file": { "filename": archive.file_name, "size": archive.content.len() },
        }))
    })
    .collect()
}

impl Job {
    /// The project's group and name.
    fn project(&self) -> (&str, &str) {
        self.spec.project.rsplit_once('/').unwrap_or(("", &self.spec.project))
    }
}

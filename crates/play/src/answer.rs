//! A job as GitLab hands it to a runner.
//!
//! Owns the body of the answer to `POST /jobs/request`, with the fields that `spec.Job` in
//! gitlab-runner 19.4.0 reads (`common/spec/spec.go`) and the marks by which it leaves out what is
//! empty. Older runners leave unread what they don't know, so there is one answer for all.

use serde::Serialize;
use serde_json::{Value, json};

use crate::environment;
use crate::job::{Cache, Dependency, Git, Image, Job, Service, Step};
use crate::variables::Variable;

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

impl Job {
    /// The JSON by which GitLab hands this job to the runner of this number and description:
    /// names as they were written, unexpanded.
    pub fn answer(&self, runner_id: u64, runner_name: &str) -> Value {
        json!({
            "id": self.id,
            "token": self.token,
            "allow_git_fetch": true,
            "job_info": self.info(),
            "git_info": git_info(&self.git),
            "runner_info": { "timeout": self.timeout.as_secs(), "uuid": "" },
            "inputs": [],
            "variables": environment::job_variables(runner_id, runner_name, self),
            "steps": self.steps.iter().map(|step| self.describe_step(step)).collect::<Vec<_>>(),
            "image": ImageFields::of(self.image.as_ref().unwrap_or(&Image::default())),
            "services": self.services.iter().map(ServiceFields::of).collect::<Vec<_>>(),
            "artifacts": artifacts(&self.artifacts),
            "cache": self.caches.iter().map(cache).collect::<Vec<_>>(),
            "credentials": self.credentials,
            "dependencies": self.describe_dependencies(),
            "features": {
                "trace_sections": self.trace_sections,
                "token_mask_prefixes": ["glpat-"],
                "failure_reasons": FAILURE_REASONS,
            },
            "policy_options": { "execution_policy_job": false, "policy_name": "" },
            "suspend_options": {},
        })
    }

    fn info(&self) -> Value {
        json!({
            "name": self.name,
            "stage": self.stage,
            "pipeline_id": self.pipeline_id,
            "project_id": self.project.id,
            "project_name": self.project.name,
            "project_full_path": self.project.full_path,
            "namespace_id": self.project.namespace_id,
            "root_namespace_id": self.project.root_namespace_id,
            "organization_id": 1,
            "instance_id": "",
            "instance_uuid": "",
            "user_id": self.user_id,
            "time_in_queue_seconds": 1.5,
            "project_jobs_running_on_instance_runners_count": "0",
            "queue_size": 0,
            "queue_depth": 0,
        })
    }

    fn describe_step(&self, step: &Step) -> Value {
        let is_after = step.name == "after_script";
        json!({
            "name": step.name,
            "script": step.script,
            "timeout": self.timeout.as_secs(),
            "when": if is_after { "always" } else { "on_success" },
            "allow_failure": is_after,
        })
    }

    fn describe_dependencies(&self) -> Vec<Value> {
        let describe = |earlier: &Dependency| {
            json!({
                "id": earlier.id,
                "token": self.token,
                "name": earlier.name,
                "artifacts_file": { "filename": earlier.file_name, "size": earlier.size },
            })
        };
        self.dependencies.iter().map(describe).collect()
    }
}

fn git_info(git: &Git) -> Value {
    json!({
        "repo_url": git.repo_url,
        "repo_object_format": "sha1",
        "ref": git.ref_name,
        "ref_type": if git.is_tag { "tag" } else { "branch" },
        "sha": git.sha,
        "before_sha": git.before_sha,
        "refspecs": ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"],
        "depth": git.depth,
        "protected": git.protected,
    })
}

/// All paths go into one archive.
fn artifacts(paths: &[String]) -> Vec<Value> {
    let archive = json!({
        "name": "", "untracked": false, "paths": paths, "exclude": null, "when": "always",
        "artifact_type": "archive", "artifact_format": "zip", "expire_in": "",
    });
    (!paths.is_empty()).then_some(archive).into_iter().collect()
}

fn cache(cache: &Cache) -> Value {
    json!({
        "key": cache.key, "untracked": false, "policy": "pull-push", "paths": cache.paths,
        "when": "always", "fallback_keys": [],
    })
}

#[derive(Serialize)]
struct ImageFields<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    entrypoint: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pull_policy: &'a [String],
    executor_opts: Value,
}

#[derive(Serialize)]
struct ServiceFields<'a> {
    #[serde(flatten)]
    image: ImageFields<'a>,
    #[serde(skip_serializing_if = "String::is_empty")]
    alias: String,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    command: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    variables: &'a [Variable],
}

impl<'a> ImageFields<'a> {
    fn of(image: &'a Image) -> Self {
        let text = |option: &'a Option<String>| option.as_deref().unwrap_or_default();
        Self {
            name: &image.name,
            entrypoint: &image.entrypoint,
            pull_policy: &image.pull_policy,
            executor_opts: json!({
                "docker": { "platform": text(&image.platform), "user": text(&image.user) },
                "kubernetes": { "user": "" },
            }),
        }
    }
}

impl<'a> ServiceFields<'a> {
    fn of(service: &'a Service) -> Self {
        Self {
            image: ImageFields::of(&service.image),
            alias: service.aliases.join(" "),
            command: &service.command,
            variables: &service.variables,
        }
    }
}

//! The job response file: what GitLab said about the job, for the driver to trust.
//!
//! Fields as `spec.Job` in gitlab-runner 19.4.0 (`common/spec/spec.go`) and `JobResponse` in
//! 14.7.0 (`common/network.go`) encode them. 19 expands names of images and services before it
//! writes the file; 14.7 leaves them as they are.

use serde_json::{Map, Value, json};

use crate::environment::{self, Place};
use crate::{Image, Job, Runner, Service};

pub(crate) fn encode(runner: &Runner, job: &Job) -> Value {
    let modern = runner.protocol.is_modern();
    let names = Names { runner, job, modern };
    let mut response = json!({
        "id": job.id,
        "token": job.token,
        "allow_git_fetch": true,
        "job_info": job_info(job, modern),
        "git_info": git_info(job, modern),
        "runner_info": { "timeout": job.timeout.as_secs() },
        "variables": environment::job_variables(runner, job),
        "steps": steps(job),
        "image": names.image(job.image.as_ref().unwrap_or(&Image::default())),
        "services": job.services.iter().map(|service| names.service(service)).collect::<Vec<_>>(),
        "artifacts": artifacts(job),
        "cache": cache(job),
        "credentials": job.credentials,
        "dependencies": dependencies(job),
        "features": { "trace_sections": job.trace_sections, "failure_reasons": [] },
    });
    if modern {
        response["runner_info"]["uuid"] = json!("");
        response["features"]["token_mask_prefixes"] = json!(["glpat-"]);
        response["inputs"] = json!([]);
        response["policy_options"] = json!({ "execution_policy_job": false, "policy_name": "" });
        response["suspend_options"] = json!({});
    }
    response
}

fn job_info(job: &Job, modern: bool) -> Value {
    let mut info = json!({
        "name": job.name,
        "stage": job.stage,
        "project_id": job.project.id,
        "project_name": job.project.name,
    });
    if modern {
        info["pipeline_id"] = json!(job.pipeline_id);
        info["project_full_path"] = json!(job.project.full_path);
        info["namespace_id"] = json!(job.project.namespace_id);
        info["root_namespace_id"] = json!(job.project.root_namespace_id);
        info["organization_id"] = json!(1);
        info["instance_id"] = json!("");
        info["instance_uuid"] = json!("");
        info["user_id"] = json!(job.user_id);
        info["time_in_queue_seconds"] = json!(1.5);
        info["project_jobs_running_on_instance_runners_count"] = json!("0");
        info["queue_size"] = json!(0);
        info["queue_depth"] = json!(0);
    }
    info
}

fn git_info(job: &Job, modern: bool) -> Value {
    let git = &job.git;
    let mut info = json!({
        "repo_url": git.repo_url,
        "ref": git.ref_name,
        "sha": git.sha,
        "before_sha": git.before_sha,
        "ref_type": if git.is_tag { "tag" } else { "branch" },
        "refspecs": ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"],
        "depth": 0,
    });
    if modern {
        info["protected"] = json!(git.protected);
        info["repo_object_format"] = json!("sha1");
    }
    info
}

fn steps(job: &Job) -> Vec<Value> {
    let step = |step: &crate::Step| {
        let is_after = step.name == "after_script";
        json!({
            "name": step.name,
            "script": step.script,
            "timeout": job.timeout.as_secs(),
            "when": if is_after { "always" } else { "on_success" },
            "allow_failure": is_after,
        })
    };
    job.steps.iter().map(step).collect()
}

fn artifacts(job: &Job) -> Vec<Value> {
    let artifact = json!({
        "name": "", "untracked": false, "paths": ["."], "exclude": null, "when": "always",
        "artifact_type": "archive", "artifact_format": "zip", "expire_in": "",
    });
    job.artifacts.then_some(artifact).into_iter().collect()
}

fn cache(job: &Job) -> Vec<Value> {
    let cache = json!({
        "key": "default", "untracked": false, "policy": "pull-push", "paths": ["."],
        "when": "always", "fallback_keys": [],
    });
    job.cache.then_some(cache).into_iter().collect()
}

fn dependencies(job: &Job) -> Vec<Value> {
    let dependency = json!({
        "id": job.id - 1, "token": job.token, "name": "earlier",
        "artifacts_file": { "filename": "artifacts.zip", "size": 1 },
    });
    job.dependencies.then_some(dependency).into_iter().collect()
}

/// Images and services, their names expanded where the protocol does so.
struct Names<'a> {
    runner: &'a Runner,
    job: &'a Job,
    modern: bool,
}

impl Names<'_> {
    fn service(&self, service: &Service) -> Value {
        let mut value = self.image(&service.image);
        let fields: [(&str, Option<Value>); 3] = [
            ("alias", some(&self.expand(&service.aliases.join(" ")))),
            ("command", (!service.command.is_empty()).then(|| json!(service.command))),
            (
                "variables",
                (self.modern && !service.variables.is_empty()).then(|| json!(service.variables)),
            ),
        ];
        for (key, field) in fields {
            if let Some(field) = field {
                value[key] = field;
            }
        }
        value
    }

    fn image(&self, image: &Image) -> Value {
        let mut value = Map::new();
        value.insert("name".to_owned(), json!(self.expand(&image.name)));
        if !image.entrypoint.is_empty() {
            value.insert("entrypoint".to_owned(), json!(image.entrypoint));
        }
        if self.modern {
            if !image.pull_policy.is_empty() {
                value.insert("pull_policy".to_owned(), json!(image.pull_policy));
            }
            value.insert("executor_opts".to_owned(), executor_options(image));
        }
        Value::Object(value)
    }

    fn expand(&self, text: &str) -> String {
        if !self.modern {
            return text.to_owned();
        }
        environment::all(self.runner, self.job, &Place::default()).expand(text)
    }
}

fn executor_options(image: &Image) -> Value {
    let text = |option: &Option<String>| option.clone().unwrap_or_default();
    json!({
        "docker": { "platform": text(&image.platform), "user": text(&image.user) },
        "kubernetes": { "user": "" },
    })
}

fn some(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| json!(text))
}

/// The value of `CI_JOB_SERVICES`: the first alias only, variables only from 19 on.
pub(crate) fn services_variable(
    runner: &Runner,
    job: &Job,
    variables: &crate::Variables,
) -> String {
    if job.services.is_empty() {
        return String::new();
    }
    let modern = runner.protocol.is_modern();
    let list = |values: &[String]| (!values.is_empty()).then(|| json!(values));
    let describe = |service: &Service| {
        let name = |text: &str| if modern { variables.expand(text) } else { text.to_owned() };
        let alias = if modern {
            service.aliases.first().cloned().unwrap_or_default()
        } else {
            service.aliases.join(" ")
        };
        let mut value = json!({
            "name": name(&service.image.name),
            "alias": name(&alias),
            "entrypoint": list(&service.image.entrypoint),
            "command": list(&service.command),
        });
        if modern && !service.variables.is_empty() {
            let pairs = service.variables.iter();
            value["variables"] =
                pairs.map(|v| (v.key.clone(), json!(variables.expand(&v.value)))).collect();
        }
        value
    };
    Value::Array(job.services.iter().map(describe).collect()).to_string()
}

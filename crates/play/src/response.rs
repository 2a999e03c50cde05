//! The job response file: what GitLab said about the job, for the driver to trust.
//!
//! gitlab-runner writes down what it read of GitLab's answer. 19.4.0 expands the names of images
//! and services before it does (`common/spec/spec.go`); 14.7.0 leaves them as they are, and
//! without the fields that it doesn't know (`JobResponse` in `common/network.go`).

use serde_json::{Value, json};

use crate::environment::{self, Place};
use crate::{Job, Protocol, Runner, Service, Variables};

/// What came after 14.7.
const NEW_IN_JOB: [&str; 3] = ["inputs", "policy_options", "suspend_options"];
const NEW_IN_JOB_INFO: [&str; 12] = [
    "pipeline_id",
    "project_full_path",
    "namespace_id",
    "root_namespace_id",
    "organization_id",
    "instance_id",
    "instance_uuid",
    "user_id",
    "time_in_queue_seconds",
    "project_jobs_running_on_instance_runners_count",
    "queue_size",
    "queue_depth",
];
const NEW_IN_GIT_INFO: [&str; 2] = ["protected", "repo_object_format"];
const NEW_IN_RUNNER_INFO: [&str; 1] = ["uuid"];
const NEW_IN_FEATURES: [&str; 1] = ["token_mask_prefixes"];
const NEW_IN_IMAGE: [&str; 2] = ["executor_opts", "pull_policy"];
const NEW_IN_SERVICE: [&str; 3] = ["executor_opts", "pull_policy", "variables"];

/// The content of `JOB_RESPONSE_FILE`.
pub(crate) fn encode(runner: &Runner, job: &Job) -> Value {
    match runner.protocol {
        Protocol::V14_7 => without_news(job.answer(runner.id, &runner.name)),
        Protocol::V19 => {
            let variables = environment::all(runner, job, &Place::default());
            with_names_expanded(job, &variables).answer(runner.id, &runner.name)
        }
    }
}

fn without_news(mut response: Value) -> Value {
    remove(&mut response, &NEW_IN_JOB);
    remove(&mut response["job_info"], &NEW_IN_JOB_INFO);
    remove(&mut response["git_info"], &NEW_IN_GIT_INFO);
    remove(&mut response["runner_info"], &NEW_IN_RUNNER_INFO);
    remove(&mut response["features"], &NEW_IN_FEATURES);
    remove(&mut response["image"], &NEW_IN_IMAGE);
    for service in response["services"].as_array_mut().into_iter().flatten() {
        remove(service, &NEW_IN_SERVICE);
    }
    response
}

fn remove(object: &mut Value, fields: &[&str]) {
    if let Value::Object(object) = object {
        object.retain(|field, _| !fields.contains(&field.as_str()));
    }
}

fn with_names_expanded(job: &Job, variables: &Variables) -> Job {
    let mut job = job.clone();
    if let Some(image) = &mut job.image {
        image.name = variables.expand(&image.name);
    }
    for service in &mut job.services {
        expand_names(service, variables);
    }
    job
}

fn expand_names(service: &mut Service, variables: &Variables) {
    service.image.name = variables.expand(&service.image.name);
    for alias in &mut service.aliases {
        *alias = variables.expand(alias);
    }
}

/// The value of `CI_JOB_SERVICES`: the first alias only, variables only from 19 on.
pub(crate) fn services_variable(runner: &Runner, job: &Job, variables: &Variables) -> String {
    if job.services.is_empty() {
        return String::new();
    }
    let describe = match runner.protocol {
        Protocol::V14_7 => describe_in_14_7,
        Protocol::V19 => describe_in_19,
    };
    let services = job.services.iter().map(|service| describe(service, variables));
    Value::Array(services.collect()).to_string()
}

fn describe_in_14_7(service: &Service, _: &Variables) -> Value {
    describe(service, &service.aliases.join(" "))
}

fn describe_in_19(service: &Service, variables: &Variables) -> Value {
    let mut service = service.clone();
    expand_names(&mut service, variables);
    let mut described = describe(&service, service.aliases.first().map_or("", String::as_str));
    if !service.variables.is_empty() {
        let pairs = service.variables.iter();
        described["variables"] =
            pairs.map(|it| (it.key.clone(), json!(variables.expand(&it.value)))).collect();
    }
    described
}

fn describe(service: &Service, alias: &str) -> Value {
    let list = |values: &[String]| (!values.is_empty()).then(|| json!(values));
    json!({
        "name": service.image.name,
        "alias": alias,
        "entrypoint": list(&service.image.entrypoint),
        "command": list(&service.command),
    })
}

//! Every keyword of `.gitlab-ci.yml`, and what `try` makes of it.
//!
//! From <https://docs.gitlab.com/ci/yaml/>, with those that are deprecated but still accepted.

/// What `try` makes of a job's keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    ActedOn,
    NotActedOn,
    Unknown,
}

/// At the top of the file: never a job.
pub(super) const GLOBAL: &[&str] = &[
    "after_script",
    "before_script",
    "cache",
    "default",
    "image",
    "include",
    "services",
    "spec",
    "stages",
    "types",
    "variables",
    "workflow",
];

/// Of these, the ones that change a pipeline and not this job alone.
pub(super) const GLOBAL_NOT_ACTED_ON: &[&str] = &["include", "spec", "types", "workflow"];

/// What may stand at the top in place of `default`.
pub(super) const OLD_DEFAULTS: &[&str] =
    &["after_script", "before_script", "cache", "image", "services"];

const ACTED_ON: &[&str] = &[
    "after_script",
    "before_script",
    "extends",
    "image",
    "inherit",
    "script",
    "services",
    "stage",
    "variables",
];

const NOT_ACTED_ON: &[&str] = &[
    "allow_failure",
    "artifacts",
    "cache",
    "coverage",
    "dast_configuration",
    "dependencies",
    "environment",
    "except",
    "hooks",
    "id_tokens",
    "identity",
    "inputs",
    "interruptible",
    "manual_confirmation",
    "needs",
    "only",
    "pages",
    "parallel",
    "publish",
    "release",
    "resource_group",
    "retry",
    "rules",
    "run",
    "secrets",
    "start_in",
    "tags",
    "timeout",
    "trigger",
    "type",
    "when",
];

/// What `try` makes of a keyword in a job or in `default`.
pub(super) fn of_job(keyword: &str) -> Meaning {
    if ACTED_ON.contains(&keyword) {
        Meaning::ActedOn
    } else if NOT_ACTED_ON.contains(&keyword) {
        Meaning::NotActedOn
    } else {
        Meaning::Unknown
    }
}

/// Every keyword that a job may have.
pub(super) fn all_of_job() -> Vec<&'static str> {
    [ACTED_ON, NOT_ACTED_ON].concat()
}

/// What it means for a job that a keyword is not acted on.
pub(super) fn consequence(keyword: &str) -> Option<&'static str> {
    Some(match keyword {
        "artifacts" => "nothing is kept or passed on",
        "cache" => "the job starts without it",
        "dependencies" | "needs" => "the job starts alone, without others' artifacts",
        "environment" => "no CI_ENVIRONMENT_* variables are set",
        "except" | "only" | "rules" | "when" | "workflow" => "the job runs anyway",
        "id_tokens" | "secrets" => "their variables are not set; give them with --variable-file",
        "include" => "what other files define is missing",
        "parallel" => "the job runs once, without the variables of a matrix",
        "release" => "no release is made",
        "retry" => "the job runs once",
        "timeout" => "the job may take an hour",
        "allow_failure" => "a failure is a failure",
        _ => return None,
    })
}

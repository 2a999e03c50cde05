//! The helper image.
//!
//! What gitlab-runner's own stages call is `git` and `gitlab-runner`; its docker executor runs them
//! in an image that has both (<https://docs.gitlab.com/runner/configuration/advanced-configuration/#helper-image>).

use docker::images::{Reference, WantedImage};
use job::{Blame, JobContext, PullPolicy, Result, settings};

/// The helper image `name`. It is the operator's, and its tags are not moved, so that without a word
/// of the profile's it is pulled once.
pub(crate) fn wanted(name: &str, engine: &settings::Engine) -> Result<WantedImage> {
    let reference = Reference::parse(name).map_err(|error| error.into_failure(Blame::System))?;
    let policies = match engine.pull_policy.as_slice() {
        [] => vec![PullPolicy::IfNotPresent],
        policies => policies.to_vec(),
    };
    Ok(WantedImage { reference, platform: None, policies, asked_by: Blame::System })
}

/// The image that GitLab publishes for a runner of this version and engines of this architecture.
pub(crate) fn default_image(job: &JobContext, architecture: &str) -> String {
    let architecture = match architecture {
        "aarch64" | "arm64" => "arm64",
        "armv7l" | "armv6l" | "arm" => "arm",
        "s390x" => "s390x",
        "ppc64le" => "ppc64le",
        _ => "x86_64",
    };
    let version = job.claims.get("CI_RUNNER_VERSION").unwrap_or_default();
    let released = |version: &str| {
        !version.is_empty() && version.chars().all(|c| c.is_ascii_digit() || c == '.')
    };
    let tag = if released(version) { format!("v{version}") } else { "latest".to_owned() };
    format!(
        "registry.gitlab.com/gitlab-org/gitlab-runner/gitlab-runner-helper:{architecture}-{tag}"
    )
}

#[cfg(test)]
mod tests;

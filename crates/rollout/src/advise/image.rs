//! Images: which one the nodes pull, and with whose login.

use super::lines::{in_service, quoted};
use super::{Facts, Login, Words};

/// The user of the login that GitLab makes for each job
/// (<https://docs.gitlab.com/ci/jobs/ci_job_token/>).
const JOB_USER: &str = "gitlab-ci-token";

/// Registries from which most images are pulled without a login.
const PUBLIC: [&str; 10] = [
    "docker.io",
    "docker.elastic.co",
    "gcr.io",
    "ghcr.io",
    "lscr.io",
    "mcr.microsoft.com",
    "public.ecr.aws",
    "quay.io",
    "registry.gitlab.com/gitlab-org",
    "registry.k8s.io",
];

/// A tag means what it means when a node asks for it. `docker stack deploy` asks the registry for
/// the digest, and goes on with a warning if it can't (<https://github.com/docker/cli/issues/787>).
pub(super) fn digest(facts: &Facts<'_>) -> Option<Words> {
    let image = &facts.spec.image;
    if image.contains('@') {
        return None;
    }
    let reason = "its image has no digest, so each node takes what the tag means when it pulls, or \
                  what it has pulled before: tasks of one service can run different versions, and a \
                  new image under the same tag is no change that a deploy would see. docker stack \
                  deploy writes the digest unless --resolve-image=never forbids it or it has no \
                  login to the registry.";
    let lines = [format!("image: {}", quoted(&format!("{image}@sha256:…")))];
    Some(Words { reason: reason.to_owned(), lines: in_service(facts.spec, &[], &lines) })
}

/// The nodes pull by themselves.
pub(super) fn registry_auth(facts: &Facts<'_>) -> Option<Words> {
    let registry = registry(&facts.spec.image)?;
    if !matches!(facts.login, Login::Absent) || is_public(&facts.spec.image) {
        return None;
    }
    let reason = format!(
        "the service is created without a login to {registry}: if its image isn't public, only the \
         nodes that have it already can run it, and all others say \"No such image\"."
    );
    Some(Words { reason, lines: deploy(facts) })
}

/// The login of a job ends with the job (<https://github.com/moby/moby/issues/34351>).
pub(super) fn job_token(facts: &Facts<'_>) -> Option<Words> {
    let Login::Brought { user: Some(user) } = facts.login else { return None };
    if user != JOB_USER {
        return None;
    }
    let reason = "the nodes are given this job's own login to the registry, which ends with the \
                  job: a task that is moved to another node afterwards, or started again where the \
                  image has been removed, can't be pulled. A deploy token lasts.";
    let lines = "# in .gitlab-ci.yml, with a deploy token called gitlab-deploy-token\n\
                 before_script:\n  \
                 - echo \"$CI_DEPLOY_PASSWORD\" | docker login --username \"$CI_DEPLOY_USER\" \
                 --password-stdin \"$CI_REGISTRY\"";
    Some(Words { reason: reason.to_owned(), lines: lines.to_owned() })
}

fn deploy(facts: &Facts<'_>) -> String {
    let command = match &facts.spec.stack {
        Some(_) => "docker stack deploy --with-registry-auth …",
        None => "docker service create --with-registry-auth …",
    };
    format!("# in .gitlab-ci.yml\nscript:\n  - {command}")
}

/// The registry's host, where the image's name has one: the first part, if that looks like a host
/// (<https://pkg.go.dev/github.com/distribution/reference>).
fn registry(image: &str) -> Option<&str> {
    let (host, _) = image.split_once('/')?;
    (host.contains(['.', ':']) || host == "localhost").then_some(host)
}

fn is_public(image: &str) -> bool {
    PUBLIC.iter().any(|public| image.strip_prefix(public).is_some_and(|rest| rest.starts_with('/')))
}

//! What an engine says when it can't pull an image, in the words of the person who has to act.
//!
//! Engines have no codes for it, only what registries told them, so their words are searched for
//! what the last years' engines and registries say
//! (<https://github.com/moby/moby/blob/master/daemon/internal/distribution/errors.go>,
//! <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes>).

use job::{Blame, Failure};

use super::WantedImage;
use crate::images::registry::Origin;

/// Kinds of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NoSuchImage,
    /// Docker Hub says the same for a private image as for one that does not exist.
    Denied,
    NeedsLogin,
    LoginRejected,
    RateLimit,
    Unreachable,
    Untrusted,
    WrongPlatform,
    DiskFull,
    Other,
}

/// What engines and registries say, in lower case. The first kind with a match counts.
const SAID: [(Refusal, &[&str]); 9] = [
    (Refusal::DiskFull, &["no space left on device", "disk quota exceeded"]),
    (Refusal::RateLimit, &["toomanyrequests", "too many requests", "rate limit"]),
    (
        Refusal::WrongPlatform,
        &[
            "no matching manifest for",
            "does not match the specified platform",
            "does not provide the specified platform",
            "no match for platform in manifest",
            "cannot be used on this platform",
        ],
    ),
    (
        Refusal::Untrusted,
        &["x509: ", "server gave http response to https client", "remote error: tls"],
    ),
    (
        Refusal::Unreachable,
        &[
            "dial tcp",
            "no such host",
            "connection refused",
            "connection reset",
            "i/o timeout",
            "tls handshake timeout",
            "client.timeout exceeded",
            "request canceled",
            "unexpected eof",
            "502 bad gateway",
            "503 service unavailable",
            "504 gateway",
        ],
    ),
    (
        Refusal::LoginRejected,
        &[
            "incorrect username or password",
            "invalid username/password",
            "http basic: access denied",
        ],
    ),
    (
        Refusal::NeedsLogin,
        &["no basic auth credentials", "authentication required", "unauthorized"],
    ),
    (
        Refusal::Denied,
        &[
            "pull access denied",
            "denied:",
            "access to the resource is denied",
            "access forbidden",
            "403 forbidden",
        ],
    ),
    (
        Refusal::NoSuchImage,
        &[
            "manifest unknown",
            "name unknown",
            "not known to registry",
            "not found",
            "no such image",
        ],
    ),
];

impl Refusal {
    /// What the engine's words mean.
    pub(super) fn of(words: &str) -> Self {
        let words = words.to_lowercase();
        let said = |texts: &[&str]| texts.iter().any(|text| words.contains(text));
        SAID.iter().find(|(_, texts)| said(texts)).map_or(Self::Other, |(kind, _)| *kind)
    }

    /// The failure to show; the engine's words are its cause.
    pub(super) fn into_failure(self, wanted: &WantedImage, login: Option<&Origin>) -> Failure {
        let failure = Failure::new(self.blame(wanted, login), self.message(wanted, login));
        match self.remedy(wanted, login) {
            Some(remedy) => failure.hint(remedy),
            None => failure,
        }
    }

    fn blame(self, wanted: &WantedImage, login: Option<&Origin>) -> Blame {
        match (self, login) {
            (Self::LoginRejected | Self::NeedsLogin, Some(origin)) => origin.blame(),
            (
                Self::NoSuchImage
                | Self::Denied
                | Self::NeedsLogin
                | Self::LoginRejected
                | Self::WrongPlatform,
                _,
            ) => wanted.asked_by,
            (
                Self::RateLimit
                | Self::Unreachable
                | Self::Untrusted
                | Self::DiskFull
                | Self::Other,
                _,
            ) => Blame::System,
        }
    }

    fn message(self, wanted: &WantedImage, login: Option<&Origin>) -> String {
        let name = &wanted.reference;
        let registry = name.domain().unwrap_or("the engine");
        match (self, login) {
            (Self::NoSuchImage, _) => format!("{registry} has no image {name}"),
            (Self::Denied, None) => {
                format!("{registry} has no image {name}, or shows it only after a login")
            }
            (Self::Denied, Some(origin)) => {
                format!("{registry} has no image {name}, or denies it to the login from {origin}")
            }
            (Self::NeedsLogin | Self::LoginRejected, None) => {
                format!("{registry} gives the image {name} only after a login")
            }
            (Self::NeedsLogin | Self::LoginRejected, Some(origin)) => {
                format!("{registry} rejects the login from {origin} for the image {name}")
            }
            (Self::RateLimit, _) => format!("{registry} limits how often images are pulled"),
            (Self::Unreachable, _) => format!("the engine cannot reach {registry} to pull {name}"),
            (Self::Untrusted, _) => {
                format!("the engine does not trust {registry} and so won't pull {name}")
            }
            (Self::WrongPlatform, _) => {
                format!("the image {name} does not exist for {}", wanted.target())
            }
            (Self::DiskFull, _) => format!("the engine's disk is full, so {name} can't be pulled"),
            (Self::Other, _) => format!("the engine could not pull {name}"),
        }
    }

    fn remedy(self, wanted: &WantedImage, login: Option<&Origin>) -> Option<String> {
        let registry = wanted.reference.domain().unwrap_or("the registry");
        let add_login =
            || format!("put a login for {registry} into the CI/CD variable DOCKER_AUTH_CONFIG");
        Some(match (self, login) {
            (Self::NoSuchImage, _) => "check its name and tag".to_owned(),
            (Self::Denied, None) => format!("check its name; if it is private, {}", add_login()),
            (Self::Denied, Some(_)) => "check its name, and what that user may read".to_owned(),
            (Self::NeedsLogin | Self::LoginRejected, None) => add_login(),
            (Self::NeedsLogin | Self::LoginRejected, Some(Origin::AuthConfig)) => {
                format!("renew the login for {registry} in the CI/CD variable DOCKER_AUTH_CONFIG")
            }
            (Self::NeedsLogin | Self::LoginRejected, Some(Origin::File(_))) => format!(
                "run `docker login {registry}` on the runner machine as gitlab-runner's user"
            ),
            (Self::NeedsLogin | Self::LoginRejected, Some(Origin::Job)) => {
                "check GitLab's container registry: GitLab made this login for the job".to_owned()
            }
            (Self::RateLimit, None) => format!(
                "{}, pull through a mirror, or use the pull policy if-not-present",
                add_login()
            ),
            (Self::RateLimit, Some(_)) => {
                "pull through a mirror, or use the pull policy if-not-present".to_owned()
            }
            (Self::Unreachable, _) => {
                "check name service, firewall and proxy on the engine's machine".to_owned()
            }
            (Self::Untrusted, _) => format!(
                "put the registry's CA into /etc/docker/certs.d/{registry}/ca.crt on the engine's machine"
            ),
            (Self::WrongPlatform, _) => {
                "use an image that is built for it, or name its platform in `image:docker:platform`"
                    .to_owned()
            }
            (Self::DiskFull, _) => {
                "make room on the engine's machine, for instance with `docker system prune`"
                    .to_owned()
            }
            (Self::Other, _) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Refusal::*;
    use super::*;

    #[test]
    fn what_engines_say_is_understood() {
        for (words, kind) in [
            (
                "pull access denied for nope, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
                Denied,
            ),
            (
                "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed",
                Denied,
            ),
            ("denied: access forbidden", Denied),
            ("manifest for alpine:nope not found: manifest unknown: manifest unknown", NoSuchImage),
            ("failed to resolve reference \"reg.io/a:1\": reg.io/a:1: not found", NoSuchImage),
            ("name unknown: repository name not known to registry", NoSuchImage),
            ("Head \"https://reg.io/v2/a/manifests/1\": no basic auth credentials", NeedsLogin),
            (
                "Head \"https://reg.io/v2/a/manifests/1\": unauthorized: authentication required",
                NeedsLogin,
            ),
            (
                "Get \"https://registry-1.docker.io/v2/\": unauthorized: incorrect username or password",
                LoginRejected,
            ),
            (
                "Head \"https://registry.gitlab.com/v2/a/manifests/1\": unauthorized: HTTP Basic: Access denied",
                LoginRejected,
            ),
            ("toomanyrequests: You have reached your pull rate limit.", RateLimit),
            (
                "Get \"https://registry-1.docker.io/v2/\": dial tcp: lookup registry-1.docker.io on 10.0.0.1:53: no such host",
                Unreachable,
            ),
            (
                "Get \"https://reg.io/v2/\": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)",
                Unreachable,
            ),
            ("Get \"https://reg.io/v2/\": net/http: TLS handshake timeout", Unreachable),
            ("received unexpected HTTP status: 503 Service Unavailable", Unreachable),
            (
                "Get \"https://reg.io/v2/\": x509: certificate signed by unknown authority",
                Untrusted,
            ),
            (
                "Get \"https://reg.io/v2/\": http: server gave HTTP response to HTTPS client",
                Untrusted,
            ),
            ("no matching manifest for linux/arm64/v8 in the manifest list entries", WrongPlatform),
            (
                "image with reference alpine was found but does not match the specified platform: wanted linux/arm64, actual: linux/amd64",
                WrongPlatform,
            ),
            (
                "failed to register layer: Error processing tar file(exit status 1): write /x: no space left on device",
                DiskFull,
            ),
            ("filesystem layer verification failed for digest sha256:00", Other),
        ] {
            assert_eq!(Refusal::of(words), kind, "{words}");
        }
    }
}

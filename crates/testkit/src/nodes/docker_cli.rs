//! This machine's docker CLI, pointed at an engine and at nothing else.

use std::path::Path;

use tokio::process::Command;

/// The variables that would make a docker CLI talk to something else than it is told.
const DOCKER_VARIABLES: [&str; 6] = [
    "DOCKER_API_VERSION",
    "DOCKER_CERT_PATH",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "DOCKER_TLS",
    "DOCKER_TLS_VERIFY",
];

/// A configuration directory that never exists: a person's own contexts, proxies and credential
/// helpers stay out of it.
const NO_CONFIGURATION: &str = "/nonexistent";

/// A docker CLI at this endpoint, over mutual TLS with the `ca.pem`, `cert.pem` and `key.pem` in
/// this directory.
pub fn docker_over_tls(endpoint: &str, certificates: &Path) -> Command {
    let mut command = at(endpoint);
    command.arg("--tlsverify").env("DOCKER_CERT_PATH", certificates);
    command
}

/// A docker CLI at this endpoint, without TLS.
pub(super) fn at(endpoint: &str) -> Command {
    let mut command = Command::new("docker");
    for variable in DOCKER_VARIABLES {
        command.env_remove(variable);
    }
    command.env("DOCKER_CONFIG", NO_CONFIGURATION).args(["--host", endpoint]);
    command
}

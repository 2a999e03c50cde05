//! The driver that people write with bash and the docker CLI.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use job::{Failure, Result};
use play::{Exec, Runner};

use super::HELPER_IMAGE;

const SCRIPT: &str = include_str!("bash_driver.sh");

/// Where the script finds `bash` and `docker`.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A runner with that driver, which is written to `directory`, for the engine at `endpoint`.
pub(super) fn runner(directory: &Path, endpoint: &str, certificates: &Path) -> Result<Runner> {
    let script = directory.join("bash_driver.sh");
    fs::write(&script, SCRIPT)
        .and_then(|()| fs::set_permissions(&script, Permissions::from_mode(0o755)))
        .map_err(|error| Failure::system("cannot write the bash driver").caused_by(error))?;
    let stage = |name: &str| Exec::new(&script).args([name]);
    let runner = Runner::new(stage("run"))
        .config(stage("config"))
        .prepare(stage("prepare"))
        .cleanup(stage("cleanup"));
    Ok(Runner { os_environment: Some(environment(endpoint, certificates)), ..runner })
}

/// That of gitlab-runner itself.
fn environment(endpoint: &str, certificates: &Path) -> Vec<(OsString, OsString)> {
    let certificates = certificates.display().to_string();
    let variables = [
        ("PATH", PATH),
        // A person's own contexts and credential helpers stay out of it.
        ("DOCKER_CONFIG", "/nonexistent"),
        ("DOCKER_HOST", endpoint),
        ("DOCKER_TLS_VERIFY", "1"),
        ("DOCKER_CERT_PATH", &certificates),
        ("HELPER_IMAGE", HELPER_IMAGE),
    ];
    variables.map(|(name, value)| (name.into(), value.into())).into()
}

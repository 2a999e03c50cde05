//! The jobs of the example project, played by `swarm-executor try`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use job::{Failure, Result};
use tempfile::{NamedTempFile, TempDir};
use testkit::pki::Identity;
use tokio::process::Command;

use crate::cargo;

/// The job's variables that hold a file of a credentials directory.
const VARIABLES: [(&str, &str); 3] = [
    ("DOCKER_MACHINE_CA", "ca.pem"),
    ("DOCKER_MACHINE_CLIENT_CERT", "cert.pem"),
    ("DOCKER_MACHINE_CLIENT_KEY", "key.pem"),
];

const JOB: &str = "docker deploy";

/// The profile without a word: the script runs on this machine.
pub(super) const ON_HOST: &str = "default";

/// The profile that [`CONTAINERS`] is.
pub(super) const IN_CONTAINERS: &str = "containers";

/// All that it takes: the engine is the cluster's own. Images are on it already, for there is no
/// registry to pull them from.
pub(super) const CONTAINERS: &str = r#"[profile.containers]
placement = "engine"
engine.helper_image = "gitlab-helper:test"
engine.pull_policy = "if-not-present"
"#;

/// Plays jobs with the variables that a project would have in GitLab.
pub(super) struct Player<'a> {
    program: PathBuf,
    endpoint: String,
    client: &'a Identity,
    /// A copy of the example project, for the jobs to work on.
    project: TempDir,
    settings: NamedTempFile,
}

impl<'a> Player<'a> {
    pub(super) fn new(programs: &Path, endpoint: String, client: &'a Identity) -> Result<Self> {
        let made = project().and_then(|project| Ok((project, settings()?)));
        let (project, settings) = made
            .map_err(|error| Failure::system("cannot copy the example project").caused_by(error))?;
        let program = programs.join("swarm-executor");
        Ok(Self { program, endpoint, client, project, settings })
    }

    /// Plays the job that `file` of the project defines, which has to succeed.
    pub(super) async fn play(&self, file: &str, profile: &str) -> Result<()> {
        let status = self.played(file, profile, &[]).await?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::system(format!("the job failed: {status}")))
        }
    }

    /// The same with one more variable, for a job that has to fail.
    pub(super) async fn fail(&self, file: &str, variable: &str) -> Result<()> {
        let status = self.played(file, ON_HOST, &["--variable", variable]).await?;
        if status.success() {
            Err(Failure::system("the job succeeded, though the rollout has failed"))
        } else {
            Ok(())
        }
    }

    async fn played(&self, file: &str, profile: &str, more: &[&str]) -> Result<ExitStatus> {
        let unusable = |error| Failure::system("cannot play the job").caused_by(error);
        let credentials = tempfile::tempdir().map_err(unusable)?;
        self.client.write_to(credentials.path())?;
        let mut player = Command::new(&self.program);
        player.arg("try").arg("--settings").arg(self.settings.path());
        player.args(["--profile", profile]);
        player.arg("--variable").arg(format!("DOCKER_SWARM_MASTER={}", self.endpoint));
        for (name, file) in VARIABLES {
            let path = credentials.path().join(file);
            player.arg("--variable-file").arg(format!("{name}={}", path.display()));
        }
        player.args(more).arg(self.project.path().join(file)).arg(JOB);
        player.status().await.map_err(unusable)
    }
}

fn project() -> io::Result<TempDir> {
    let example = cargo::workspace().join("examples/whoami");
    let directory = tempfile::tempdir()?;
    for file in [".gitlab-ci.yml", "short.gitlab-ci.yml", "update.gitlab-ci.yml", "production.yml"]
    {
        fs::copy(example.join(file), directory.path().join(file))?;
    }
    Ok(directory)
}

fn settings() -> io::Result<NamedTempFile> {
    let file = NamedTempFile::with_suffix(".toml")?;
    fs::write(file.path(), format!("[profile.{ON_HOST}]\n{CONTAINERS}"))?;
    Ok(file)
}

//! Lines for bash whose docker goes one way.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::place::{Place, Way};

/// How long a few lines may take on a machine with other things to do.
const PATIENCE: Duration = Duration::from_mins(1);

/// Every directory on PATH that has a docker CLI of its own.
pub(crate) fn clis() -> Vec<PathBuf> {
    let (mut programs, mut directories) = (Vec::new(), Vec::new());
    for directory in std::env::split_paths(&path()) {
        let Ok(program) = directory.join("docker").canonicalize() else { continue };
        if !programs.contains(&program) {
            programs.push(program);
            directories.push(directory);
        }
    }
    directories
}

/// A directory whose docker is one CLI on one way.
pub(crate) struct Shell<'a> {
    /// Of the directory, and of what is made for the shell at the engine.
    pub(crate) name: String,
    place: &'a Place,
    cli: &'a Path,
    way: &'a Way,
}

impl<'a> Shell<'a> {
    pub(crate) fn open(place: &'a Place, cli: &'a Path, way: &'a Way) -> Self {
        let name = format!("{}{}", way.name, cli.to_str().unwrap().replace('/', "-"));
        std::fs::create_dir(place.directory().join(&name)).unwrap();
        Self { name, place, cli, way }
    }

    /// What the lines write to stdout and stderr, and their exit code.
    pub(crate) async fn told(&self, script: &str) -> String {
        let mut command = Command::new("bash");
        command
            .env_clear()
            .env("PATH", self.path())
            .env("HOME", "/nonexistent")
            .env("DOCKER_HOST", &self.way.host)
            .env("IMAGE", "jwilder/whoami:latest")
            .env("N", &self.name)
            .current_dir(self.place.directory().join(&self.name))
            .args(["-c", &format!("exec 2>&1\n{script}")])
            .kill_on_drop(true);
        if self.way.secure {
            let certificates = self.place.certificates();
            command.env("DOCKER_TLS_VERIFY", "1").env("DOCKER_CERT_PATH", certificates);
        }
        let output = timeout(PATIENCE, command.output()).await;
        let output =
            output.unwrap_or_else(|_| panic!("{}: no end of\n{script}", self.name)).unwrap();
        let code = output.status.code().expect("an exit code");
        format!("{}exit {code}\n", String::from_utf8_lossy(&output.stdout))
    }

    fn path(&self) -> OsString {
        let (own, all) = (std::iter::once(self.cli.to_owned()), path());
        std::env::join_paths(own.chain(std::env::split_paths(&all))).unwrap()
    }
}

#[expect(clippy::disallowed_methods, reason = "it is this machine's PATH that is asked for")]
fn path() -> OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

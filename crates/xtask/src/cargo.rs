//! Calls of cargo, as a person would type them.

use std::path::{Path, PathBuf};
use std::process::Command;

use job::{Failure, Result};

use crate::say;

/// Runs the tests of the packages that `selection` names, with nextest where it is here.
pub(crate) fn test(
    selection: &[&str],
    filter: Option<&str>,
    variables: &[(&str, &Path)],
) -> Result<()> {
    let mut arguments = if has_nextest() {
        vec!["nextest", "run", "--no-tests=pass", "--no-fail-fast"]
    } else {
        vec!["test", "--quiet", "--no-fail-fast"]
    };
    arguments.extend(selection);
    arguments.extend(filter);
    run(&arguments, variables)
}

/// Runs `cargo` in the workspace.
fn run(arguments: &[&str], variables: &[(&str, &Path)]) -> Result<()> {
    say(&format!("cargo {}", arguments.join(" ")));
    let mut command = Command::new(program());
    command.args(arguments).current_dir(workspace()).envs(variables.iter().copied());
    let status =
        command.status().map_err(|error| Failure::system("cannot start cargo").caused_by(error))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::system(format!("cargo {} failed", arguments.join(" "))))
}

/// Whether cargo-nextest is here; `cargo test` does the same, one package after the other.
fn has_nextest() -> bool {
    let output = Command::new(program()).args(["nextest", "--version"]).output();
    output.is_ok_and(|output| output.status.success())
}

/// Builds the programs and returns the directory that they are in.
pub(crate) fn build(profile: Profile) -> Result<PathBuf> {
    let mut arguments =
        vec!["build", "--quiet", "-p", "agent", "-p", "cli", "-p", "driver", "--bins"];
    arguments.extend(profile.flag());
    run(&arguments, &[])?;
    Ok(target().join(profile.directory()))
}

/// How the programs are built.
#[derive(Clone, Copy)]
pub(crate) enum Profile {
    Dev,
    Release,
}

impl Profile {
    fn flag(self) -> Option<&'static str> {
        match self {
            Self::Dev => None,
            Self::Release => Some("--release"),
        }
    }

    fn directory(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
        }
    }
}

/// The root of this repository.
pub(crate) fn workspace() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).unwrap_or(manifest)
}

#[expect(clippy::disallowed_methods, reason = "cargo's own variables, which only chores read")]
fn program() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

#[expect(clippy::disallowed_methods, reason = "cargo's own variables, which only chores read")]
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

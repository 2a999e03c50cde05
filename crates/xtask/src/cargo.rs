//! Calls of cargo, as a person would type them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use job::{Failure, Result};

use crate::say;

const AGENT: &str = "swarm-executor-agent";

/// Runs the tests of the packages that `selection` names, with nextest where it is here: as its
/// `profile` in `.config/nextest.toml` says.
pub(crate) fn test(
    selection: &[&str],
    profile: &str,
    filter: Option<&str>,
    variables: &[(&str, &Path)],
) -> Result<()> {
    let mut arguments = if has_nextest() {
        vec!["nextest", "run", "--no-fail-fast", "--profile", profile]
    } else {
        vec!["test", "--quiet", "--no-fail-fast"]
    };
    arguments.extend(selection);
    arguments.extend(filter);
    run(&arguments, variables)
}

/// Whether any test of those packages has `filter` in its name.
pub(crate) fn has_tests(selection: &[&str], filter: &str) -> Result<bool> {
    let mut command = command(&["test", "--quiet", "--tests"]);
    command.args(selection).args([filter, "--", "--list"]).stderr(Stdio::inherit());
    let output = command.output().map_err(cannot_start)?;
    if !output.status.success() {
        return Err(Failure::system("cargo cannot list the tests"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().any(|line| line.ends_with(": test")))
}

/// Downloads all crates, so that nothing later needs the network.
pub(crate) fn fetch() -> Result<()> {
    run(&["fetch", "--quiet", "--locked"], &[])
}

/// Runs `cargo` in the workspace.
fn run(arguments: &[&str], variables: &[(&str, &Path)]) -> Result<()> {
    say(&format!("cargo {}", arguments.join(" ")));
    let status =
        command(arguments).envs(variables.iter().copied()).status().map_err(cannot_start)?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::system(format!("cargo {} failed", arguments.join(" "))))
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(arguments).current_dir(workspace());
    command
}

fn cannot_start(error: io::Error) -> Failure {
    Failure::system("cannot start cargo").caused_by(error)
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
    let programs = target().join(profile.directory());
    build_agent_for_containers(profile, &programs)?;
    Ok(programs)
}

/// Builds the agent once more, as a static program that runs in any image, and puts it beside the
/// other programs, called after its architecture.
///
/// It has a target directory of its own, or cargo would link the two in turn at every build.
fn build_agent_for_containers(profile: Profile, programs: &Path) -> Result<()> {
    let target = target().join("static");
    let mut arguments = vec!["rustc", "--quiet", "-p", "agent", "--bin", AGENT];
    arguments.extend(profile.flag());
    arguments.extend(["--", "-C", "target-feature=+crt-static"]);
    run(&arguments, &[("CARGO_TARGET_DIR", &target)])?;
    let built = target.join(profile.directory()).join(AGENT);
    let place = programs.join(format!("{AGENT}-{}", std::env::consts::ARCH));
    install(&built, &place).map_err(|error| {
        Failure::system(format!("cannot put {} in its place", place.display())).caused_by(error)
    })
}

/// Copies a program that may be running at its new place.
fn install(program: &Path, place: &Path) -> io::Result<()> {
    let new = place.with_extension("new");
    fs::copy(program, &new)?;
    fs::rename(new, place)
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

/// Where cargo builds; a relative path is one from the workspace, where cargo runs.
#[expect(clippy::disallowed_methods, reason = "cargo's own variables, which only chores read")]
pub(crate) fn target() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR");
    workspace().join(target.unwrap_or_else(|| "target".into()))
}

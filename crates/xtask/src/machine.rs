//! The machine that the chores need: root, and a few of Debian's packages.

use std::ffi::OsString;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use job::{Failure, Result};

use crate::{cargo, say};

/// A program, and the Debian package that has it.
const NEEDED: [(&str, &str); 9] = [
    ("busybox", "busybox-static"),
    ("docker", "docker.io"),
    ("dockerd", "docker.io"),
    ("git", "git"),
    ("haproxy", "haproxy"),
    ("ip", "iproute2"),
    ("iptables", "iptables"),
    ("mmdebstrap", "mmdebstrap"),
    ("openssl", "openssl"),
];

/// Where Debian keeps programs for root, which other users' PATH leaves out.
const ROOTS_PATH: &str = "/usr/local/sbin:/usr/sbin:/sbin";

/// Becomes root where this process isn't, and installs what is missing.
pub(crate) fn become_ready() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return become_root();
    }
    let missing = missing();
    if missing.is_empty() { Ok(()) } else { install(&missing) }
}

/// Engines need namespaces, mounts and cgroups: starts this program anew with sudo.
fn become_root() -> Result<()> {
    say("real engines need root: fetching crates as this user, then asking sudo");
    cargo::fetch()?;
    let target = cargo::target().join("root");
    say(&format!(
        "root builds in {}, so that this user's builds stay as they are",
        target.display()
    ));
    let this = std::env::current_exe()
        .map_err(|error| Failure::system("cannot tell which program this is").caused_by(error))?;
    let arguments = std::env::args_os().skip(1);
    let error = as_root(&kept(variable, &target), &this, arguments).exec();
    Err(Failure::system("cannot start sudo").caused_by(error).hint("run this command as root"))
}

/// Starts `program` as root. sudo replaces the environment and Debian's even PATH (`secure_path`,
/// <https://manpages.debian.org/stable/sudo/sudoers.5.en.html>), so env(1) sets it behind sudo.
fn as_root(
    variables: &[(&str, OsString)],
    program: &Path,
    arguments: impl IntoIterator<Item = OsString>,
) -> Command {
    let mut command = Command::new("sudo");
    command.arg("env");
    for (name, value) in variables {
        let mut assignment = OsString::from(format!("{name}="));
        assignment.push(value);
        command.arg(assignment);
    }
    command.arg(program).args(arguments);
    command
}

/// What cargo needs to build as root with this user's toolchain and crates, and without leaving
/// files of root's among them: no network, and a target directory of its own. HOME is root's, so
/// that nothing else that is started writes to this user's.
fn kept(
    variable: impl Fn(&str) -> Option<OsString>,
    target: &Path,
) -> Vec<(&'static str, OsString)> {
    let home = |name, directory| {
        let default = || variable("HOME").map(|home| Path::new(&home).join(directory).into());
        Some((name, variable(name).or_else(default)?))
    };
    let mut path = variable("PATH").unwrap_or_default();
    path.push(":");
    path.push(ROOTS_PATH);
    let same = ["CARGO", "CI", "RUSTUP_TOOLCHAIN"];
    let mut kept: Vec<_> =
        same.into_iter().filter_map(|name| Some((name, variable(name)?))).collect();
    kept.extend(home("CARGO_HOME", ".cargo"));
    kept.extend(home("RUSTUP_HOME", ".rustup"));
    kept.extend([
        ("CARGO_NET_OFFLINE", "true".into()),
        ("CARGO_TARGET_DIR", target.into()),
        ("PATH", path),
    ]);
    kept
}

#[expect(clippy::disallowed_methods, reason = "what sudo would drop, which only chores read")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// The packages of the programs that aren't here.
fn missing() -> Vec<&'static str> {
    let mut packages: Vec<_> = NEEDED
        .iter()
        .filter(|(program, _)| !is_installed(program))
        .map(|(_, package)| *package)
        .collect();
    packages.dedup();
    packages
}

fn install(packages: &[&str]) -> Result<()> {
    if !is_installed("apt-get") {
        return Err(Failure::system("this machine has no apt-get to install what is missing")
            .hint(format!("install what Debian calls {}", packages.join(", "))));
    }
    let _no_services = ServicesStayOff::begin()?;
    apt(&["update", "--quiet=2"])?;
    apt_install(packages)?;
    // Since Debian 13 the client is a package that docker.io only recommends.
    if is_installed("docker") { Ok(()) } else { apt_install(&["docker-cli"]) }
}

fn apt_install(packages: &[&str]) -> Result<()> {
    say(&format!("installing Debian packages: {}", packages.join(", ")));
    let mut arguments = vec!["install", "--quiet=2", "--yes", "--no-install-recommends"];
    arguments.extend(packages);
    apt(&arguments)
}

fn apt(arguments: &[&str]) -> Result<()> {
    let status = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status()
        .map_err(|error| Failure::system("cannot start apt-get").caused_by(error))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::system(format!("apt-get {} failed: {status}", arguments[0])))
}

/// Keeps a package that is being installed from starting its service, in Debian's own way
/// (<https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt>): nobody asked for an
/// engine that runs on this machine.
struct ServicesStayOff {
    written: bool,
}

const POLICY: &str = "/usr/sbin/policy-rc.d";

impl ServicesStayOff {
    fn begin() -> Result<Self> {
        if Path::new(POLICY).exists() {
            return Ok(Self { written: false });
        }
        std::fs::write(POLICY, "#!/bin/sh\nexit 101\n")
            .and_then(|()| std::fs::set_permissions(POLICY, Permissions::from_mode(0o755)))
            .map_err(|error| Failure::system(format!("cannot write {POLICY}")).caused_by(error))?;
        Ok(Self { written: true })
    }
}

impl Drop for ServicesStayOff {
    fn drop(&mut self) {
        if self.written
            && let Err(error) = std::fs::remove_file(POLICY)
        {
            say(&format!("remove {POLICY} by hand: {error}"));
        }
    }
}

fn is_installed(program: &str) -> bool {
    let places = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    places.iter().any(|place| Path::new(place).join(program).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &Command) -> Vec<&str> {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        words.map(|word| word.to_str().unwrap()).collect()
    }

    fn kept_of(variables: &[(&str, &str)]) -> Vec<(&'static str, OsString)> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        };
        kept(variable, Path::new("/w/target/root"))
    }

    #[test]
    fn root_gets_the_users_toolchain_behind_sudo_and_a_target_directory_of_its_own() {
        let variables = [
            ("CARGO", "/home/u/.rustup/toolchains/stable/bin/cargo"),
            ("HOME", "/home/u"),
            ("PATH", "/home/u/.cargo/bin:/usr/bin"),
            ("RUSTUP_TOOLCHAIN", "stable"),
            ("SECRET", "unrelated"),
        ];
        let command =
            as_root(&kept_of(&variables), Path::new("/w/target/debug/xtask"), ["demo".into()]);
        assert_eq!(
            words(&command),
            [
                "sudo",
                "env",
                "CARGO=/home/u/.rustup/toolchains/stable/bin/cargo",
                "RUSTUP_TOOLCHAIN=stable",
                "CARGO_HOME=/home/u/.cargo",
                "RUSTUP_HOME=/home/u/.rustup",
                "CARGO_NET_OFFLINE=true",
                "CARGO_TARGET_DIR=/w/target/root",
                "PATH=/home/u/.cargo/bin:/usr/bin:/usr/local/sbin:/usr/sbin:/sbin",
                "/w/target/debug/xtask",
                "demo"
            ]
        );
    }

    #[test]
    fn homes_that_are_set_go_before_the_defaults() {
        let kept = kept_of(&[("HOME", "/home/u"), ("CARGO_HOME", "/c"), ("RUSTUP_HOME", "/r")]);
        assert!(kept.contains(&("CARGO_HOME", "/c".into())), "{kept:?}");
        assert!(kept.contains(&("RUSTUP_HOME", "/r".into())), "{kept:?}");
    }
}

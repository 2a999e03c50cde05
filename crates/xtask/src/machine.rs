//! The machine that the chores need: root, and a few of Debian's packages.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use job::{Failure, Result};

use crate::say;

/// A program, and the Debian package that has it.
const NEEDED: [(&str, &str); 6] = [
    ("busybox", "busybox-static"),
    ("dockerd", "docker.io"),
    ("git", "git"),
    ("ip", "iproute2"),
    ("iptables", "iptables"),
    ("openssl", "openssl"),
];

/// Variables that sudo would otherwise drop and the build needs.
const KEPT: &str = "--preserve-env=PATH,HOME,CARGO_HOME,RUSTUP_HOME,CARGO_TARGET_DIR,CI";

/// Becomes root where this process isn't, and installs what is missing.
pub(crate) fn become_ready() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return become_root();
    }
    let missing: Vec<_> = NEEDED
        .iter()
        .filter(|(program, _)| !is_installed(program))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() { Ok(()) } else { install(&missing) }
}

/// Engines need namespaces, mounts and cgroups: starts this program anew with sudo.
fn become_root() -> Result<()> {
    say("real engines need root; asking sudo for it");
    let this = std::env::current_exe()
        .map_err(|error| Failure::system("cannot tell which program this is").caused_by(error))?;
    let error = Command::new("sudo").arg(KEPT).arg(this).args(std::env::args_os().skip(1)).exec();
    Err(Failure::system("cannot start sudo").caused_by(error).hint("run this command as root"))
}

fn install(packages: &[&str]) -> Result<()> {
    if !is_installed("apt-get") {
        return Err(Failure::system("this machine has no apt-get to install what is missing")
            .hint(format!("install what Debian calls {}", packages.join(", "))));
    }
    say(&format!("installing Debian packages: {}", packages.join(", ")));
    let _no_services = ServicesStayOff::begin()?;
    apt(&["update", "--quiet=2"])?;
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

//! The newest engine that Debian carries, beside the one that this machine has installed.
//!
//! Owns the directory with its programs: unpacked from the packages of Debian's suite [`SUITE`] with
//! all that they depend on, never installed, so nothing of theirs is set up or started. A node that
//! runs it sees that directory as its `/usr`. The download, some 80 MB, comes from the mirror that
//! this machine's own packages come from, and is kept until somebody removes [`CACHE`].

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use job::{Failure, Result};
use tempfile::NamedTempFile;
use tokio::process::Command;
use tokio::task::spawn_blocking;

use crate::program;

/// Where packages arrive first (<https://www.debian.org/releases/sid/>).
pub const SUITE: &str = "sid";

/// Where the programs are kept.
pub const CACHE: &str = "/var/cache/swarm-testkit";

/// What makes an engine. `base-files` has the links from `/lib` into `/usr`.
const PACKAGES: &str = "base-files,docker.io,iptables";

/// Debian's package leaves these links to its installation, which doesn't take place.
const IPTABLES: &str = r#"for name in iptables ip6tables; do
    ln -s "$name-nft" "$1/usr/sbin/$name"
done"#;

/// What a node that runs the newest engine has as its `/usr`.
pub(super) fn programs() -> PathBuf {
    root().join("usr")
}

/// Brings the programs onto this machine; returns at once where they are.
///
/// # Errors
///
/// There is no mmdebstrap, no mirror can be reached, or the suite is broken today.
pub async fn fetch_newest_engine() -> Result<()> {
    // Whoever waits for the lock finds the programs there afterwards.
    let lock = spawn_blocking(lock).await;
    let lock = lock.map_err(io::Error::from).flatten();
    let _lock =
        lock.map_err(|error| Failure::system(format!("cannot lock {CACHE}")).caused_by(error))?;
    if programs().exists() {
        return Ok(());
    }
    unpack().await.map_err(|failure| {
        Failure::system(format!("cannot unpack an engine of Debian's suite {SUITE}"))
            .caused_by(failure)
    })
}

fn root() -> PathBuf {
    Path::new(CACHE).join(SUITE)
}

fn lock() -> io::Result<File> {
    fs::create_dir_all(CACHE)?;
    let directory = File::open(CACHE)?;
    directory.lock()?;
    Ok(directory)
}

/// <https://manpages.debian.org/stable/mmdebstrap/mmdebstrap.1.en.html>
async fn unpack() -> Result<()> {
    let unwritten = |error| Failure::system(format!("cannot write {CACHE}")).caused_by(error);
    let unfinished = root().with_extension("new");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(unwritten)?;
    }
    let mut options = NamedTempFile::new().map_err(unwritten)?;
    options.write_all(transport().await?.as_bytes()).map_err(unwritten)?;
    let mut mmdebstrap = Command::new("mmdebstrap");
    mmdebstrap.args(["--quiet", "--mode=root", "--variant=extract", "--format=directory"]);
    mmdebstrap.arg(format!("--aptopt={}", options.path().display()));
    mmdebstrap.arg(format!("--include={PACKAGES}"));
    mmdebstrap.arg(format!("--extract-hook={IPTABLES}"));
    mmdebstrap.arg(SUITE).arg(&unfinished).args(mirror().await);
    program::run(mmdebstrap).await?;
    fs::rename(&unfinished, root()).map_err(unwritten)
}

/// The options by which this machine's apt reaches its mirror, and how strictly it takes dates.
async fn transport() -> Result<String> {
    let mut dump = Command::new("apt-config");
    dump.args(["dump", "--no-empty", "--format", "%F \"%v\";%n"]);
    let options = program::run(dump).await?;
    let ours = options.lines().filter(|line| line.starts_with("Acquire::"));
    Ok(ours.collect::<Vec<_>>().join("\n"))
}

/// The mirror of this machine's own packages; without an answer mmdebstrap takes Debian's public one.
async fn mirror() -> Option<String> {
    let mut targets = Command::new("apt-get");
    targets.args(["indextargets", "--format", "$(REPO_URI)"]);
    targets.args(["Created-By: Packages", "Origin: Debian", "Label: Debian"]);
    let mirrors = program::run(targets).await.ok()?;
    mirrors.lines().next().map(str::to_owned)
}

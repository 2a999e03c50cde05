//! Layers made of this machine's programs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use job::{Failure, Result};
use tokio::process::Command;

use super::layer::{Entry, Layer};
use crate::program;

/// The environment entry that finds the programs of every layer.
pub(super) const PATH: &str = "PATH=/usr/local/bin:/usr/bin:/bin";

/// What git runs beside itself: fetching over http and https, and submodules.
const BESIDE_GIT: [&str; 5] =
    ["git-remote-http", "git-sh-i18n", "git-sh-i18n--envsubst", "git-sh-setup", "git-submodule"];

/// Busybox under all its names in `/bin`, with the directories and users a container expects.
///
/// Being static it can't load what the C library asks names with: only names in `/etc/hosts`
/// and addresses work.
pub(super) async fn busybox() -> Result<Layer> {
    let busybox = static_busybox().await?;
    let mut list = Command::new(&busybox);
    list.arg("--list");
    let names = program::run(list).await?;
    let mut entries = root_of("root:x:0:0:root:/root:/bin/sh\n", "root:x:0:\n");
    entries.push(Entry::Copy { path: "bin/busybox".into(), source: busybox });
    entries.extend(
        names
            .lines()
            .filter(|name| *name != "busybox")
            .map(|name| Entry::Link { path: Path::new("bin").join(name), target: "busybox" }),
    );
    Layer::of(&entries)
}

/// One static program, `/bin/sleep`, and no shell by any name.
pub(super) async fn only_sleep() -> Result<Layer> {
    let source = static_busybox().await?;
    let mut entries = root_of("root:x:0:0:root:/root:/bin/sleep\n", "root:x:0:\n");
    entries.push(Entry::Copy { path: "bin/sleep".into(), source });
    Layer::of(&entries)
}

/// A program of this machine in `/usr/local/bin`, and the shared libraries it needs where its
/// loader looks for them.
pub(super) async fn program(name: &str) -> Result<Layer> {
    let source = on_path(name).await?;
    let libraries = shared_libraries(std::slice::from_ref(&source)).await?;
    let path = Path::new("usr/local/bin").join(name);
    let mut entries = vec![Entry::Copy { path, source }];
    entries.extend(libraries.into_iter().map(Entry::in_place));
    Layer::of(&entries)
}

/// What Debian's smallest images have: bash, dash as `sh`, the core utilities, `getent`; a user
/// `job` with the number 1000 and a home directory. No busybox.
pub(super) async fn debian() -> Result<Layer> {
    let mut sources = Vec::new();
    for name in ["bash", "dash", "getent", "grep", "gzip", "hostname", "sed", "tar"] {
        sources.push(on_path(name).await?);
    }
    sources.extend(core_utilities().await?);
    let libraries = shared_libraries(&sources).await?;
    let mut entries = root_of(
        "root:x:0:0:root:/root:/bin/bash\njob:x:1000:1000::/home/job:/bin/bash\n",
        "root:x:0:\njob:x:1000:\n",
    );
    entries.push(Entry::Directory { path: "home/job/", mode: 0o755, owner: 1000 });
    entries.push(Entry::Directory { path: "run/", mode: 0o755, owner: 0 });
    entries.push(Entry::Link { path: "var/run".into(), target: "/run" });
    entries.push(Entry::Link { path: "bin".into(), target: "usr/bin" });
    entries.push(Entry::Link { path: "usr/bin/sh".into(), target: "dash" });
    entries.extend(sources.into_iter().filter_map(|source| {
        let path = Path::new("usr/bin").join(source.file_name()?);
        Some(Entry::Copy { path, source })
    }));
    entries.extend(libraries.into_iter().map(Entry::in_place));
    Layer::of(&entries)
}

/// Git, with what it needs to fetch over http and https, and bash. No certificate authorities:
/// the servers of tests bring their own.
pub(super) async fn git_and_bash() -> Result<Layer> {
    let git = on_path("git").await?;
    let mut ask = Command::new(&git);
    ask.arg("--exec-path");
    let directory = PathBuf::from(program::run(ask).await?);
    let mut sources = vec![on_path("bash").await?, git];
    sources
        .extend(BESIDE_GIT.map(|name| directory.join(name)).into_iter().filter(|it| it.exists()));
    let libraries = shared_libraries(&sources).await?;
    let https = directory.join("git-remote-https");
    let https = https.strip_prefix("/").unwrap_or(&https).to_owned();
    let mut entries: Vec<_> = sources.into_iter().chain(libraries).map(Entry::in_place).collect();
    entries.push(Entry::Link { path: https, target: "git-remote-http" });
    Layer::of(&entries)
}

/// Where this machine's shell finds a program.
pub(super) async fn on_path(name: &str) -> Result<PathBuf> {
    let mut which = Command::new("sh");
    which.args(["-c", r#"command -v -- "$1""#, "sh", name]);
    match program::run(which).await {
        Ok(path) => Ok(PathBuf::from(path)),
        Err(_) => Err(Failure::system(format!("there is no program {name} on PATH"))),
    }
}

async fn static_busybox() -> Result<PathBuf> {
    let busybox = on_path("busybox").await?;
    if shared_libraries(std::slice::from_ref(&busybox)).await?.is_empty() {
        return Ok(busybox);
    }
    Err(Failure::system(format!("{} is not static", busybox.display()))
        .hint("install busybox-static"))
}

/// The programs of Debian's package `coreutils`.
async fn core_utilities() -> Result<Vec<PathBuf>> {
    let mut list = Command::new("dpkg-query");
    list.args(["--listfiles", "coreutils"]);
    let files = program::run(list).await?;
    let programs =
        files.lines().filter(|file| file.starts_with("/bin/") || file.starts_with("/usr/bin/"));
    Ok(programs.map(PathBuf::from).collect())
}

/// The libraries and the loaders that `ldd` names, each once; none for a static program.
async fn shared_libraries(programs: &[PathBuf]) -> Result<BTreeSet<PathBuf>> {
    let mut ldd = Command::new("sh");
    // For a static program ldd says so and fails.
    ldd.args(["-c", r#"ldd -- "$@" || true"#, "sh"]).args(programs);
    let text = program::run(ldd).await?;
    // Before the libraries of each of several programs comes its path with a colon.
    let paths =
        text.split_whitespace().filter(|word| word.starts_with('/') && !word.ends_with(':'));
    Ok(paths.map(PathBuf::from).collect())
}

/// The directories and the users of every image.
fn root_of(users: &'static str, groups: &'static str) -> Vec<Entry> {
    vec![
        Entry::Directory { path: "tmp/", mode: 0o1777, owner: 0 },
        Entry::Directory { path: "root/", mode: 0o700, owner: 0 },
        Entry::Text { path: "etc/passwd", mode: 0o644, text: users },
        Entry::Text { path: "etc/group", mode: 0o644, text: groups },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(layer: &Layer) -> Vec<String> {
        let mut archive = tar::Archive::new(&layer.tar[..]);
        let entries = archive.entries().unwrap();
        entries.map(|entry| entry.unwrap().path().unwrap().to_string_lossy().into_owned()).collect()
    }

    #[tokio::test]
    async fn the_same_programs_make_the_same_layer() {
        assert_eq!(busybox().await.unwrap().digest, busybox().await.unwrap().digest);
        assert_eq!(debian().await.unwrap().digest, debian().await.unwrap().digest);
    }

    #[tokio::test]
    async fn a_dynamic_program_brings_its_libraries_and_loader() {
        let names = names(&program("ip").await.unwrap());
        assert!(names.contains(&"usr/local/bin/ip".to_owned()), "{names:?}");
        assert!(names.iter().any(|name| name.contains("libc.so")), "{names:?}");
        assert!(names.iter().any(|name| name.contains("ld-linux")), "{names:?}");
    }

    #[tokio::test]
    async fn programs_that_share_libraries_bring_them_once() {
        let names = names(&debian().await.unwrap());
        let once: BTreeSet<_> = names.iter().collect();
        assert_eq!(once.len(), names.len(), "{names:?}");
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let failure = program("no-such-program").await.unwrap_err();
        assert_eq!(failure.render(), "there is no program no-such-program on PATH");
    }
}

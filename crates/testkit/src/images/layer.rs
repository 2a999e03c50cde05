//! Layers: tar files made of this machine's programs.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use job::{Failure, Result};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};
use tokio::process::Command;

use crate::program;

/// The environment entry that finds the programs of the layers below.
pub(super) const PATH: &str = "PATH=/usr/local/bin:/bin";

/// One layer, uncompressed, with its digest.
#[derive(Clone)]
pub(super) struct Layer {
    pub(super) tar: Arc<[u8]>,
    /// SHA-256 of the tar, in hexadecimal: the layer's `diff_id` without its `sha256:`.
    pub(super) digest: String,
}

impl Layer {
    fn seal(builder: Builder<Vec<u8>>) -> io::Result<Self> {
        let tar = builder.into_inner()?;
        let digest = hex_digest(&tar);
        Ok(Self { tar: tar.into(), digest })
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Layer({}, {} bytes)", self.digest, self.tar.len())
    }
}

/// SHA-256 in hexadecimal.
pub(super) fn hex_digest(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// Busybox under all its names in `/bin`, with the directories and users a container expects.
pub(super) async fn busybox() -> Result<Layer> {
    let busybox = on_path("busybox").await?;
    if !shared_libraries(&busybox).await?.is_empty() {
        return Err(Failure::system(format!("{} is not static", busybox.display()))
            .hint("install busybox-static"));
    }
    let mut list = Command::new(&busybox);
    list.arg("--list");
    let names = program::run(list).await?;
    let build = || {
        let mut layer = Builder::new(Vec::new());
        directory(&mut layer, "tmp/", 0o1777)?;
        directory(&mut layer, "root/", 0o700)?;
        file(&mut layer, "etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\n")?;
        file(&mut layer, "etc/group", 0o644, b"root:x:0:\n")?;
        file(&mut layer, "bin/busybox", 0o755, &std::fs::read(&busybox)?)?;
        for name in names.lines().filter(|name| *name != "busybox") {
            symlink(&mut layer, &format!("bin/{name}"), "busybox")?;
        }
        Layer::seal(layer)
    };
    build().map_err(|error| unreadable(&busybox, error))
}

/// A program of this machine in `/usr/local/bin`, and the shared libraries it needs where its
/// loader looks for them.
pub(super) async fn program(name: &str) -> Result<Layer> {
    let program = on_path(name).await?;
    let libraries = shared_libraries(&program).await?;
    let build = || {
        let mut layer = Builder::new(Vec::new());
        file(&mut layer, &format!("usr/local/bin/{name}"), 0o755, &std::fs::read(&program)?)?;
        for library in &libraries {
            let inside = library.to_string_lossy();
            file(&mut layer, inside.trim_start_matches('/'), 0o755, &std::fs::read(library)?)?;
        }
        Layer::seal(layer)
    };
    build().map_err(|error| unreadable(&program, error))
}

async fn on_path(name: &str) -> Result<PathBuf> {
    let mut which = Command::new("sh");
    which.args(["-c", r#"command -v -- "$1""#, "sh", name]);
    match program::run(which).await {
        Ok(path) => Ok(PathBuf::from(path)),
        Err(_) => Err(Failure::system(format!("there is no program {name} on PATH"))),
    }
}

/// The libraries and the loader that `ldd` names; none for a static program.
async fn shared_libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let mut ldd = Command::new("sh");
    // For a static program ldd says so and fails.
    ldd.args(["-c", r#"ldd -- "$1" || true"#, "sh"]).arg(program);
    let text = program::run(ldd).await?;
    Ok(text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect())
}

fn directory(layer: &mut Builder<Vec<u8>>, path: &str, mode: u32) -> io::Result<()> {
    let mut header = header(EntryType::Directory, mode, 0);
    layer.append_data(&mut header, path, io::empty())
}

fn file(layer: &mut Builder<Vec<u8>>, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
    let mut header = header(EntryType::Regular, mode, content.len() as u64);
    layer.append_data(&mut header, path, content)
}

fn symlink(layer: &mut Builder<Vec<u8>>, path: &str, target: &str) -> io::Result<()> {
    layer.append_link(&mut header(EntryType::Symlink, 0o777, 0), path, target)
}

/// Owner, group and time are zero, so that the same content has the same digest every time.
pub(super) fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header
}

fn unreadable(path: &Path, error: io::Error) -> Failure {
    Failure::system(format!("cannot make a layer of {}", path.display())).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_same_programs_make_the_same_layer() {
        assert_eq!(busybox().await.unwrap().digest, busybox().await.unwrap().digest);
    }

    #[tokio::test]
    async fn a_dynamic_program_brings_its_libraries_and_loader() {
        let layer = program("ip").await.unwrap();
        let mut archive = tar::Archive::new(&layer.tar[..]);
        let names: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().to_string_lossy().into_owned())
            .collect();
        assert!(names.contains(&"usr/local/bin/ip".to_owned()), "{names:?}");
        assert!(names.iter().any(|name| name.contains("libc.so")), "{names:?}");
        assert!(names.iter().any(|name| name.contains("ld-linux")), "{names:?}");
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let failure = program("no-such-program").await.unwrap_err();
        assert_eq!(failure.render(), "there is no program no-such-program on PATH");
    }
}

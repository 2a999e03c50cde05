//! What a job names as `image:`, and the helper image beside it.

use job::Result;
use serde_json::{Value, json};

use super::Image;
use super::layer::{Entry, Layer};
use super::programs::{self, PATH};

/// The variable that the entrypoint of `job:entrypoint` sets, and its value.
pub const FROM_ENTRYPOINT: (&str, &str) = ("FROM_ENTRYPOINT", "set before the script");

/// The architecture of `job:foreign`, by Go's name for it.
pub const FOREIGN: &str = "s390x";

/// As much of a program as tells a kernel that it is for [`FOREIGN`] machines (elf(5)): 64 bits, most
/// significant byte first, an executable, machine 22.
const FOREIGN_PROGRAM: &str = concat!(
    "\x7fELF\x02\x02\x01\0\0\0\0\0\0\0\0\0",
    "\0\x02\0\x16\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\x40\0\x38\0\0\0\x40\0\0\0\0",
);

const ENTRYPOINT: &str = include_str!("entrypoint.sh");

/// Stands in for gitlab-runner where the machine has none.
const STAND_IN: &str = include_str!("gitlab-runner.sh");

/// - `job:bash`: bash and the core utilities, as Debian's smallest images; `sh` is dash,
/// - `job:nonroot`: the same as user 1000:1000, who is called `job` and has a home directory,
/// - `job:sh`: only busybox,
/// - `job:entrypoint`: busybox behind an ENTRYPOINT that sets [`FROM_ENTRYPOINT`] and then
///   executes its arguments,
/// - `job:noshell`: one static program, `sleep`, and no shell,
/// - `job:foreign`: made for [`FOREIGN`] machines, as is its `sh`.
///
/// # Errors
///
/// A program that belongs in there is missing on this machine.
pub async fn jobs() -> Result<Vec<Image>> {
    let (busybox, debian) = (programs::busybox().await?, programs::debian().await?);
    let entrypoint = script("usr/local/bin/entrypoint", ENTRYPOINT)?;
    let mut nonroot = command(&["bash"]);
    nonroot["User"] = json!("1000:1000");
    let mut behind = command(&["sh"]);
    behind["Entrypoint"] = json!(["/usr/local/bin/entrypoint"]);
    let noshell = vec![programs::only_sleep().await?];
    let foreign = vec![script("bin/sh", FOREIGN_PROGRAM)?];
    let foreign = Image::new("job:foreign", foreign, command(&["sh"]));
    Ok(vec![
        Image::new("job:bash", vec![debian.clone()], command(&["bash"])),
        Image::new("job:nonroot", vec![debian], nonroot),
        Image::new("job:sh", vec![busybox.clone()], command(&["sh"])),
        Image::new("job:entrypoint", vec![busybox, entrypoint], behind),
        Image::new("job:noshell", noshell, command(&["sleep", "infinity"])),
        Image { architecture: FOREIGN, ..foreign },
    ])
}

/// `gitlab-helper:test`: busybox, bash, git over http and https, and this machine's
/// `gitlab-runner`; where it has none, a script under that name which says on stderr what it was
/// called with and keeps caches and artifacts as tar files, the latter over plain http only.
///
/// # Errors
///
/// A program that belongs in there is missing on this machine.
pub async fn helper() -> Result<Image> {
    let runner = match programs::on_path("gitlab-runner").await {
        Ok(_) => programs::program("gitlab-runner").await?,
        Err(_) => script("usr/local/bin/gitlab-runner", STAND_IN)?,
    };
    let layers = vec![programs::busybox().await?, programs::git_and_bash().await?, runner];
    let mut config = command(&["sh"]);
    // Without templates git would warn that there are none.
    config["Env"] = json!([PATH, "GIT_TEMPLATE_DIR="]);
    Ok(Image::new("gitlab-helper:test", layers, config))
}

fn script(path: &'static str, text: &'static str) -> Result<Layer> {
    Layer::of(&[Entry::Text { path, mode: 0o755, text }])
}

fn command(words: &[&str]) -> Value {
    json!({ "Cmd": words, "Env": [PATH] })
}

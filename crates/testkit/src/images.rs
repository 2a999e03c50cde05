//! Images built here, with no registry and no build: tags as the article names them.
//!
//! An image is an archive that `docker load` reads
//! (<https://github.com/moby/docker-image-spec/blob/main/v1.2.md>): its layers as tar files, one
//! JSON file of configuration, and a manifest. All of an [`Archive`]'s images share their layers,
//! so one load per engine brings them all. The files come from this machine: Debian's static
//! busybox, and its dynamic programs with the shared libraries they need.

mod archive;
mod jobs;
mod layer;
mod programs;
mod services;
mod web;

use job::{Failure, Result};
use serde_json::{Value, json};

pub use archive::Archive;
pub use jobs::{FOREIGN, FROM_ENTRYPOINT, helper, jobs};
pub use services::{SERVICE_PORT, services};
pub use web::{PROXY_PORT, WEB_PORT, reverse_proxy, web};

pub(crate) use layer::sha256;

use bytes::Bytes;
use layer::Layer;
use programs::PATH;

/// The port every whoami answers on.
pub const WHOAMI_PORT: u16 = 8000;

/// Answers `I'm <hostname>`; ends on SIGTERM as a well-behaved server does, which a shell as
/// first process only does when told to.
const WHOAMI: &str = r#"
mkdir -p /www && echo "$GREETING $(hostname)" >/www/index.html
trap 'exit 0' TERM INT
httpd -f -p 8000 -h /www &
wait
"#;

/// One image: tags, layers from the bottom up, and the configuration of its containers.
#[derive(Clone, Debug)]
pub struct Image {
    tags: Vec<String>,
    layers: Vec<Layer>,
    config: Value,
    /// By Go's name for it.
    architecture: &'static str,
}

impl Image {
    fn new(tag: &str, layers: Vec<Layer>, config: Value) -> Self {
        Self { tags: vec![tag.to_owned()], layers, config, architecture: own_architecture() }
    }

    /// The same image under one more tag.
    #[must_use]
    pub fn tagged(mut self, tag: &str) -> Self {
        self.tags.push(tag.to_owned());
        self
    }

    /// Its names: repository and tag.
    pub(crate) fn tags(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tags.iter().filter_map(|tag| tag.rsplit_once(':'))
    }

    /// Its layers from the bottom up, as tar files.
    pub(crate) fn layers(&self) -> impl Iterator<Item = Bytes> {
        self.layers.iter().map(|layer| Bytes::from_owner(layer.tar.clone()))
    }

    /// Its file of configuration, by whose digest engines know it.
    pub(crate) fn configuration(&self) -> String {
        let diff_ids = self.layers.iter().map(|layer| format!("sha256:{}", layer.digest));
        json!({
            "architecture": self.architecture,
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": self.config,
            "rootfs": { "type": "layers", "diff_ids": diff_ids.collect::<Vec<_>>() },
        })
        .to_string()
    }
}

/// The service images: `jwilder/whoami:latest`, `jwilder/whoami:v2` (answers `I'm v2 <hostname>`),
/// `whoami:unhealthy` (serves, but its health check always fails) and `whoami:crash` (ends with
/// exit code 1 after two seconds).
///
/// # Errors
///
/// There is no static busybox on this machine.
pub async fn whoami() -> Result<Vec<Image>> {
    let base = programs::busybox().await?;
    let image = |tag, config| Image::new(tag, vec![base.clone()], config);
    let mut unhealthy = serving("I'm");
    unhealthy["Healthcheck"] = json!({
        "Test": ["CMD", "false"], "Interval": 500_000_000, "Timeout": 1_000_000_000, "Retries": 1,
    });
    Ok(vec![
        image("jwilder/whoami:latest", serving("I'm")),
        image("jwilder/whoami:v2", serving("I'm v2")),
        image("whoami:unhealthy", unhealthy),
        image("whoami:crash", running("sleep 2; exit 1")),
    ])
}

/// `docker:19.03.0` and `docker:19.03.0-dind`: this machine's docker CLI, and busybox as its
/// shell. The version in the tag is the article's, not the program's.
///
/// # Errors
///
/// There is no static busybox or no docker CLI on this machine.
pub async fn docker_cli() -> Result<Image> {
    let layers = vec![programs::busybox().await?, programs::program("docker").await?];
    let config = json!({ "Cmd": ["sh"], "Env": [PATH] });
    Ok(Image::new("docker:19.03.0", layers, config).tagged("docker:19.03.0-dind"))
}

/// Everything in one archive: [`whoami`], [`web`], [`reverse_proxy`], [`docker_cli`] and what
/// [`for_containers`] has.
///
/// # Errors
///
/// As those.
pub async fn all() -> Result<Archive> {
    let mut images = whoami().await?;
    images.extend(web().await?);
    images.push(reverse_proxy().await?);
    images.push(docker_cli().await?);
    images.extend(of_containers().await?);
    packed(&images)
}

/// What rollouts are made of: [`whoami`], [`web`], [`services`] and [`reverse_proxy`] in one archive.
///
/// # Errors
///
/// As those.
pub async fn for_rollouts() -> Result<Archive> {
    let mut images = whoami().await?;
    images.extend(web().await?);
    images.extend(services().await?);
    images.push(reverse_proxy().await?);
    packed(&images)
}

/// What jobs in containers are made of: [`jobs`], [`services`] and [`helper`] in one archive.
///
/// # Errors
///
/// As those.
pub async fn for_containers() -> Result<Archive> {
    packed(&of_containers().await?)
}

async fn of_containers() -> Result<Vec<Image>> {
    let mut images = jobs().await?;
    images.extend(services().await?);
    images.push(helper().await?);
    Ok(images)
}

fn packed(images: &[Image]) -> Result<Archive> {
    Archive::pack(images).map_err(|error| Failure::system("cannot pack images").caused_by(error))
}

fn serving(greeting: &str) -> Value {
    let mut config = running(WHOAMI);
    config["Env"] = json!([PATH, format!("GREETING={greeting}")]);
    config["ExposedPorts"] = json!({ format!("{WHOAMI_PORT}/tcp"): {} });
    config
}

fn running(script: &str) -> Value {
    json!({ "Cmd": ["sh", "-c", script], "Env": [PATH] })
}

/// This machine's architecture by Go's name for it.
fn own_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

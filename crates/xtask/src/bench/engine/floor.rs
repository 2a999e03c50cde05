//! The floor: what a driver can't do without, and nothing else.
//!
//! Containers are created, started, and removed in the end; each script goes to the first process of
//! its container by an attach, and comes back with its exit code the same way. gitlab-runner starts a
//! process for each stage, so each stage has a TLS connection of its own. What is side by side in time
//! can be, is. Nothing is checked, looked up or remembered, nothing survives a cut, no script can be
//! stopped: that is what lies between this and a driver.
//!
//! The first process is a shell that reads commands. A script reaches it as a here-document for a
//! shell of its own, followed by a command that tells how it ended.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use bollard::Docker;
use bollard::container::AttachContainerResults;
use bollard::errors::Error;
use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountType};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder,
    RemoveVolumeOptions, StartContainerOptions,
};
use docker::endpoint::Source;
use docker::{Credentials, Endpoint, Engine, Identity, Limits};
use futures::StreamExt;
use futures::future::try_join_all;
use job::{Failure, Result};
use testkit::nodes::Node;
use tokio::io::AsyncWriteExt;

use super::super::jobs::IMAGE;
use super::super::stages::Took;
use super::HELPER_IMAGE;

/// The network of the floor's containers, which is there before any job: without one on which they
/// don't reach each other, no two jobs may be on the same engine.
const NETWORK: &str = "floor";

/// Ends a here-document, and is what the end of a script is told after.
const MARK: &str = "the script of the floor ended with";

/// The stages whose scripts are for the job's image; all others are for the helper image.
const BUILD_STAGES: [&str; 3] = ["prepare_script", "build_script", "after_script"];

/// One script, as gitlab-runner wrote it.
#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) stage: String,
    pub(super) text: String,
}

/// One job at one engine.
pub(super) struct Floor {
    pub(super) endpoint: String,
    pub(super) certificates: PathBuf,
    /// Whether scripts need the helper image too.
    pub(super) has_helper: bool,
    pub(super) scripts: Vec<Script>,
}

/// Makes what all jobs of the floor share.
pub(super) async fn make_network(node: &Node) -> Result<()> {
    let isolated = ["--opt", "com.docker.network.bridge.enable_icc=false", NETWORK];
    node.docker(&[["network", "create"].as_slice(), &isolated].concat()).await.map(drop)
}

impl Floor {
    /// Does the job under this name.
    pub(super) async fn play(&self, name: &str) -> Result<Took> {
        let mut took = Took::new();
        took.push(timed("prepare", self.prepare(name)).await?);
        for script in &self.scripts {
            took.push(timed(&script.stage, self.run(name, script)).await?);
        }
        took.push(timed("cleanup", self.clean_up(name)).await?);
        Ok(took)
    }

    async fn prepare(&self, name: &str) -> Result<()> {
        let docker = self.connect()?;
        let volume = self.has_helper.then_some(name);
        let images = self.containers(name).into_iter().zip([IMAGE, HELPER_IMAGE]);
        let start = images.map(|(container, image)| start(&docker, container, image, volume));
        try_join_all(start).await.map(drop).map_err(refused)
    }

    async fn run(&self, name: &str, script: &Script) -> Result<()> {
        let containers = self.containers(name);
        let is_build = BUILD_STAGES.contains(&script.stage.as_str());
        let container = if is_build { containers.first() } else { containers.last() };
        let container = container.map(String::as_str).unwrap_or_default();
        let output = run(&self.connect()?, container, &script.text).await.map_err(refused)?;
        let success = format!("{MARK} 0\n");
        if output.ends_with(&success) {
            return Ok(());
        }
        Err(Failure::system(format!("{} of the floor did not succeed", script.stage))
            .caused_by(output))
    }

    /// A volume can be removed only when no container has it.
    async fn clean_up(&self, name: &str) -> Result<()> {
        let docker = self.connect()?;
        let remove = self.containers(name).into_iter().map(async |container| {
            let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
            docker.remove_container(&container, Some(options)).await
        });
        try_join_all(remove).await.map_err(refused)?;
        if self.has_helper {
            let options = None::<RemoveVolumeOptions>;
            docker.remove_volume(name, options).await.map_err(refused)?;
        }
        Ok(())
    }

    /// The build container, and the helper container if there is one.
    fn containers(&self, name: &str) -> Vec<String> {
        let helper = self.has_helper.then(|| format!("{name}-helper"));
        [format!("{name}-build")].into_iter().chain(helper).collect()
    }

    /// As a process that has just been started: no connection, no TLS session to resume.
    fn connect(&self) -> Result<Docker> {
        let endpoint = Endpoint::parse(&self.endpoint, Source::Setting("the benchmark".into()))?;
        let credentials = Credentials::from_directory(&self.certificates)?;
        let checked = Identity::check(&credentials, SystemTime::now(), Duration::ZERO)?;
        Engine::remote(endpoint, checked.identity, Limits::default()).docker()
    }
}

async fn start(
    docker: &Docker,
    container: String,
    image: &str,
    volume: Option<&str>,
) -> std::result::Result<(), Error> {
    let options = CreateContainerOptionsBuilder::new().name(&container).build();
    docker.create_container(Some(options), body(image, volume)).await?;
    docker.start_container(&container, None::<StartContainerOptions>).await
}

/// A container whose first process reads commands from a stdin that stays open.
fn body(image: &str, volume: Option<&str>) -> ContainerCreateBody {
    let builds = volume.map(|volume| Mount {
        target: Some("/builds".to_owned()),
        source: Some(volume.to_owned()),
        typ: Some(MountType::VOLUME),
        ..Mount::default()
    });
    let host_config = HostConfig {
        // Nothing is written to the engine's disk.
        log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
        network_mode: Some(NETWORK.to_owned()),
        mounts: Some(builds.into_iter().collect()),
        ..HostConfig::default()
    };
    ContainerCreateBody {
        image: Some(image.to_owned()),
        cmd: Some(vec!["sh".to_owned()]),
        open_stdin: Some(true),
        host_config: Some(host_config),
        ..ContainerCreateBody::default()
    }
}

/// Runs one script; the result is what it wrote, and how it ended as the last line.
async fn run(docker: &Docker, container: &str, script: &str) -> std::result::Result<String, Error> {
    let streams = AttachContainerOptionsBuilder::new().stream(true).stdin(true).stdout(true);
    let AttachContainerResults { mut output, mut input } =
        docker.attach_container(container, Some(streams.build())).await?;
    let commands = format!("bash <<'{MARK}'\n{script}\n{MARK}\necho \"{MARK} $?\"\n");
    input.write_all(commands.as_bytes()).await?;
    input.flush().await?;
    let mut text = String::new();
    while let Some(piece) = output.next().await {
        text.push_str(&piece?.to_string());
        if text.ends_with('\n') && text.lines().next_back().is_some_and(|it| it.starts_with(MARK)) {
            break;
        }
    }
    Ok(text)
}

async fn timed(stage: &str, act: impl Future<Output = Result<()>>) -> Result<(String, Duration)> {
    let began = Instant::now();
    act.await?;
    Ok((stage.to_owned(), began.elapsed()))
}

fn refused(error: Error) -> Failure {
    Failure::system("the engine did not do what the floor asked for").caused_by(error)
}

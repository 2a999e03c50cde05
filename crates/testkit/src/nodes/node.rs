//! One node: a real dockerd in namespaces of its own.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use job::{Failure, Result};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use super::cables;
use super::docker_cli;
use super::newest;
use super::process::Process;
use super::site::Site;
use crate::images::Archive;
use crate::pki::Identity;
use crate::program;

/// What a node is in the swarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// A manager.
    Manager,
    /// A worker.
    Worker,
    /// An engine that is in no swarm.
    Lone,
    /// An engine that is in no swarm, the newest that Debian carries.
    Newest,
}

/// A machine of its own, as far as Docker can tell: own network, mounts, host name, processes and
/// disk. It listens with mutual TLS on its own address, and on a unix socket for the testkit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Node {
    /// Host name, and name in `docker node ls`.
    pub name: String,
    /// The node's only address.
    pub ip: Ipv4Addr,
    /// What it is in the swarm.
    pub role: Role,
    pub(super) site: Site,
}

impl Node {
    pub(super) fn new(site: Site, index: u8, name: String, role: Role) -> Self {
        Self { name, ip: site.node(index), role, site }
    }

    /// Where its engine listens with mutual TLS.
    pub fn endpoint(&self) -> String {
        format!("tcp://{}:2376", self.ip)
    }

    /// The same engine at an address that its certificate does not name.
    pub fn misnamed_endpoint(&self) -> String {
        format!("tcp://{}:2376", self.site.alias(self.ip))
    }

    /// Where its engine listens for the testkit itself, without TLS.
    pub fn admin_socket(&self) -> PathBuf {
        self.directory().join("docker.sock")
    }

    /// A docker CLI at the admin socket.
    pub fn docker_command(&self) -> Command {
        docker_cli::at(&format!("unix://{}", self.admin_socket().display()))
    }

    /// Runs the docker CLI at the admin socket; the result is its stdout.
    ///
    /// # Errors
    ///
    /// It ended badly; the failure carries its stderr.
    pub async fn docker(&self, arguments: &[&str]) -> Result<String> {
        self.docker_with_input(arguments, &[]).await
    }

    /// Runs the docker CLI at the admin socket with `input` on its stdin.
    ///
    /// # Errors
    ///
    /// It ended badly; the failure carries its stderr.
    pub async fn docker_with_input(&self, arguments: &[&str], input: &[u8]) -> Result<String> {
        let mut command = self.docker_command();
        command.args(arguments);
        program::run_with_input(command, input).await
    }

    /// Loads images into this node's engine.
    ///
    /// # Errors
    ///
    /// The engine refuses the archive or can't be reached.
    pub async fn load(&self, archive: &Archive) -> Result<()> {
        self.docker_with_input(&["load", "--quiet"], &archive.bytes).await.map(drop)
    }

    /// A command that runs on this node's network: what is asked there comes from the node itself.
    ///
    /// # Errors
    ///
    /// The node is not running.
    pub fn command(&self, program: &str) -> Result<Command> {
        Ok(cables::inside(self.process()?, program))
    }

    /// The version that the engine says it has, such as `20.10.24+dfsg1`.
    ///
    /// # Errors
    ///
    /// The engine can't be asked.
    pub async fn engine_version(&self) -> Result<String> {
        self.docker(&["version", "--format", "{{.Server.Version}}"]).await
    }

    /// What the engine has written to its log since the lab was opened.
    pub fn logs(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Ends the node as a power cut would: the engine and all its containers at once.
    ///
    /// # Errors
    ///
    /// A process does not end when killed.
    pub async fn kill(&self) -> Result<()> {
        match self.process() {
            Ok(process) => process.kill().await,
            Err(_) => Ok(()),
        }
    }

    /// Ends the node as a power cut would and starts it again on the same disk; returns when its
    /// engine answers.
    ///
    /// # Errors
    ///
    /// The engine does not come back.
    pub async fn restart(&self) -> Result<()> {
        self.kill().await?;
        self.start().await
    }

    /// Gives the engine another certificate, key and authority of its clients, from the next
    /// [`Node::restart`] on.
    ///
    /// # Errors
    ///
    /// The files can't be written.
    pub fn present(&self, server: &Identity) -> Result<()> {
        server.write_to(&self.directory())
    }

    /// Cuts the node's cable: packets to and from it are lost.
    ///
    /// # Errors
    ///
    /// The node is not running.
    pub async fn unplug(&self) -> Result<()> {
        cables::set(self.site, self, false).await
    }

    /// Mends the node's cable.
    ///
    /// # Errors
    ///
    /// The node is not running.
    pub async fn plug_in(&self) -> Result<()> {
        cables::set(self.site, self, true).await
    }

    /// What the node has as its `/usr`, if not this machine's own.
    pub(super) fn programs(&self) -> Option<PathBuf> {
        (self.role == Role::Newest).then(newest::programs)
    }

    fn process(&self) -> Result<Process> {
        Process::read(&self.directory().join("process"))
            .filter(|process| process.is_alive())
            .ok_or_else(|| Failure::system(format!("{} is not running", self.name)))
    }

    pub(super) fn directory(&self) -> PathBuf {
        self.site.state().join(&self.name)
    }

    pub(super) fn log(&self) -> PathBuf {
        self.directory().join("dockerd.log")
    }
}

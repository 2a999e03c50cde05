//! One node: a real dockerd in namespaces of its own.

use std::fs::{self, File};
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use job::{Failure, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

use super::cables;
use super::process::Process;
use super::site::Site;
use crate::images::Archive;
use crate::pki::Authority;
use crate::program;
use crate::wait::{Seen, until};

const NODE: &str = include_str!("node.sh");

/// How long an engine may take until it answers.
const START_LIMIT: Duration = Duration::from_mins(1);

/// The variables that would make a docker CLI talk to something else than it is told.
const DOCKER_VARIABLES: [&str; 6] = [
    "DOCKER_API_VERSION",
    "DOCKER_CERT_PATH",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "DOCKER_TLS",
    "DOCKER_TLS_VERIFY",
];

/// What a node is in the swarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// A manager.
    Manager,
    /// A worker.
    Worker,
    /// An engine that is in no swarm.
    Lone,
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
    site: Site,
}

impl Node {
    pub(super) fn new(site: Site, index: u8, name: String, role: Role) -> Self {
        Self { name, ip: site.node(index), role, site }
    }

    /// Where its engine listens with mutual TLS.
    pub fn endpoint(&self) -> String {
        format!("tcp://{}:2376", self.ip)
    }

    /// Where its engine listens for the testkit itself, without TLS.
    pub fn admin_socket(&self) -> PathBuf {
        self.directory().join("docker.sock")
    }

    /// A docker CLI at the admin socket.
    pub fn docker_command(&self) -> Command {
        let mut command = self.docker_cli();
        command.arg("--host").arg(format!("unix://{}", self.admin_socket().display()));
        command
    }

    /// A docker CLI at the endpoint, over mutual TLS with the certificates in this directory.
    pub fn docker_over_tls(&self, certificates: &Path) -> Command {
        let mut command = self.docker_cli();
        command.args(["--tlsverify", "--host", &self.endpoint()]);
        command.env("DOCKER_CERT_PATH", certificates);
        command
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

    /// Writes the node's disk: certificates and the engine's configuration.
    pub(super) fn install(&self, authority: &Authority) -> Result<()> {
        let server = authority.server([self.ip.to_string(), self.name.clone()]).issue()?;
        server.write_to(&self.directory())?;
        let resolv = format!("nameserver {}\noptions attempts:1\n", self.site.switch());
        let files = [("daemon.json", self.configuration().to_string()), ("resolv.conf", resolv)];
        files.into_iter().try_for_each(|(name, content)| {
            let path = self.directory().join(name);
            fs::write(&path, content).map_err(|error| {
                Failure::system(format!("cannot write {}", path.display())).caused_by(error)
            })
        })
    }

    /// <https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file>
    fn configuration(&self) -> serde_json::Value {
        let directory = self.directory();
        json!({
            "hosts": [format!("unix://{}", self.admin_socket().display()), self.endpoint()],
            "tlsverify": true,
            "tlscacert": directory.join("ca.pem"),
            "tlscert": directory.join("cert.pem"),
            "tlskey": directory.join("key.pem"),
            "data-root": directory.join("data"),
            "exec-root": "/run/docker",
            "pidfile": "/run/docker.pid",
            "cgroup-parent": format!("{}/{}", self.site.cgroup(), self.name),
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
            "shutdown-timeout": 1,
        })
    }

    /// Boots the node and waits until its engine answers.
    pub(super) async fn start(&self) -> Result<()> {
        let _ = fs::remove_file(self.admin_socket());
        let process = self.boot().await?;
        let what = format!("the engine of {}", self.name);
        until(&what, START_LIMIT, || self.look(process)).await
    }

    async fn boot(&self) -> Result<Process> {
        let mut first = self.spawn()?;
        let process = self.introduce(&mut first).await.map_err(|error| {
            Failure::system(format!("cannot boot {}", self.name)).caused_by(error).hint(self.tail())
        })?;
        cables::connect(self.site, self, process).await?;
        if let Some(mut stdin) = first.stdin.take() {
            // A node that has died meanwhile is noticed by the wait for its engine.
            let _ = stdin.write_all(b"plugged\n").await;
        }
        Ok(process)
    }

    fn spawn(&self) -> Result<Child> {
        let wrap = |error| Failure::system(format!("cannot boot {}", self.name)).caused_by(error);
        let log = File::options().create(true).append(true).open(self.log()).map_err(wrap)?;
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.site.process.number())).args(["--pid", "--"]);
        command.args(["unshare", "--fork", "--pid", "--kill-child"]);
        command.args(["--mount", "--net", "--uts", "--ipc", "--"]);
        command.args(["sh", "-c", NODE, "node"]).arg(self.directory()).arg(&self.name);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        command.current_dir("/").process_group(0).spawn().map_err(wrap)
    }

    /// Learns which process is the node's first, and writes it down.
    async fn introduce(&self, first: &mut Child) -> io::Result<Process> {
        let stdout = first.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut line = String::new();
        BufReader::new(stdout.take(32)).read_line(&mut line).await?;
        let number = line.trim().parse().map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let process = Process::running(number).ok_or(io::ErrorKind::NotFound)?;
        process.write(&self.directory().join("process"))?;
        Ok(process)
    }

    async fn look(&self, process: Process) -> Seen<()> {
        if !process.is_alive() {
            return Seen::Never(self.tail());
        }
        match self.ping().await {
            Ok(answer) if answer.contains(" 200 ") => Seen::Ready(()),
            Ok(answer) => Seen::NotYet(answer),
            Err(error) => Seen::NotYet(format!("{error}; {}", self.tail())),
        }
    }

    async fn ping(&self) -> io::Result<String> {
        let mut stream = UnixStream::connect(self.admin_socket()).await?;
        stream.write_all(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    fn process(&self) -> Result<Process> {
        Process::read(&self.directory().join("process"))
            .filter(|process| process.is_alive())
            .ok_or_else(|| Failure::system(format!("{} is not running", self.name)))
    }

    fn docker_cli(&self) -> Command {
        let mut command = Command::new("docker");
        for variable in DOCKER_VARIABLES {
            command.env_remove(variable);
        }
        // An empty one: a person's own contexts and credential helpers stay out of it.
        command.env("DOCKER_CONFIG", self.directory().join("docker-config"));
        command
    }

    fn directory(&self) -> PathBuf {
        self.site.state().join(&self.name)
    }

    fn log(&self) -> PathBuf {
        self.directory().join("dockerd.log")
    }

    /// The last lines of the engine's log.
    fn tail(&self) -> String {
        let logs = self.logs();
        let lines: Vec<&str> = logs.lines().rev().take(3).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

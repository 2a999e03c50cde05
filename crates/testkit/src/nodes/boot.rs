//! How a node comes up: its disk, its namespaces, its cable, its engine.

use std::fs::{self, File};
use std::io;
use std::process::Stdio;
use std::time::Duration;

use job::{Failure, Result};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

use super::cables;
use super::node::Node;
use super::process::Process;
use crate::pki::Authority;
use crate::program::SYSTEM_PATH;
use crate::wait::{Seen, until};

const NODE: &str = include_str!("node.sh");

/// How long an engine may take until it answers.
const START_LIMIT: Duration = Duration::from_mins(1);

impl Node {
    /// Writes the node's disk: certificates and the engine's configuration.
    pub(super) fn install(&self, authority: &Authority) -> Result<()> {
        // By the last name it is reached through a `crate::proxy::Proxy`.
        let names = [self.ip.to_string(), self.name.clone(), "localhost".to_owned()];
        self.present(&authority.server(names).issue()?)?;
        // Without a name server that refuses at once, every image lookup waits for a timeout.
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
            "hosts": [format!("unix://{}", self.admin_socket().display()), "tcp://0.0.0.0:2376"],
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
            // The engine's own pools have room for thirty networks, and jobs side by side need more.
            "default-address-pools": [{ "base": "172.16.0.0/12", "size": 24 }],
            // A `crate::registry::Registry` on this machine is spoken with without TLS.
            "insecure-registries": [format!("{}/32", self.site.runner())],
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
        command.args(self.programs());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        // No proxy and no other setting of a person's shell reaches the engine.
        command.env_clear().env("PATH", SYSTEM_PATH);
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

    /// The last lines of the engine's log.
    fn tail(&self) -> String {
        let logs = self.logs();
        let lines: Vec<&str> = logs.lines().rev().take(3).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

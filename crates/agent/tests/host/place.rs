//! A directory to run scripts in, with a mark by which their processes are found.

use agent::{DockerConnections, Exit, Running, Session, Socket, Start, host};
use rustix::process::Pid;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;

pub(crate) use crate::until::until;

pub(crate) const MARK: &str = "AGENT_TEST_PLACE";
pub(crate) const NO_GRACE: Duration = Duration::ZERO;

pub(crate) fn agent() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_swarm-executor-agent"))
}

pub(crate) struct Place(TempDir);

impl Place {
    /// Mode 0700, as sockets need it.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o700)).unwrap();
        Self(directory)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path().join("docker.sock")
    }

    /// What marks the processes of this place.
    pub(crate) fn mark(&self) -> String {
        self.path().display().to_string()
    }

    pub(crate) fn start(&self) -> Start {
        Start {
            command: vec!["bash".into()],
            environment: vec![
                ("PATH".into(), "/usr/bin:/bin".into()),
                (MARK.into(), self.mark().into()),
            ],
            directory: self.path().into(),
            ..Start::default()
        }
    }

    pub(crate) async fn run(&self, script: &str) -> Running {
        let (session, _) = Session::open(host::spawn(agent(), None).unwrap());
        session.start(self.start(), script.as_bytes()).await.unwrap()
    }

    /// Runs a script to its end.
    pub(crate) async fn log(&self, script: &str) -> (Vec<u8>, Exit) {
        let mut running = self.run(script).await;
        let mut log = Vec::new();
        running.output.read_to_end(&mut log).await.unwrap();
        (log, running.exited().await.unwrap())
    }

    /// A script that has said `ready`, with the place's socket offered to Docker clients.
    pub(crate) async fn offer_socket(&self, script: &str) -> (Running, DockerConnections) {
        let (session, connections) = Session::open(host::spawn(agent(), None).unwrap());
        let start = Start { sockets: vec![Socket::Private(self.socket())], ..self.start() };
        let mut running = session.start(start, script.as_bytes()).await.unwrap();
        until_ready(&mut running).await;
        (running, connections)
    }

    /// The processes of this place, with their names.
    pub(crate) fn processes(&self) -> Vec<String> {
        marked(&self.mark())
    }

    pub(crate) async fn until_no_process_is_left(&self) {
        until("no process is left", || self.processes(), Vec::is_empty).await;
    }
}

/// The processes that were started with the mark.
pub(crate) fn marked(mark: &str) -> Vec<String> {
    let wanted = format!("{MARK}={mark}").into_bytes();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let is_marked = |directory: &PathBuf| {
        let environment = std::fs::read(directory.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == wanted)
    };
    let name = |directory: PathBuf| std::fs::read_to_string(directory.join("stat")).ok();
    processes.map(|entry| entry.path()).filter(is_marked).filter_map(name).collect()
}

/// The agent that runs the script, which is its shell's parent.
pub(crate) fn agent_of(running: &Running) -> Pid {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", running.pid())).unwrap();
    Pid::from_raw(stat.split(' ').nth(3).unwrap().parse().unwrap()).unwrap()
}

/// Reads the output up to the line `ready`.
pub(crate) async fn until_ready(running: &mut Running) {
    let mut seen = Vec::new();
    while !seen.ends_with(b"ready\n") {
        let byte = running.output.read_u8().await;
        seen.push(byte.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&seen))));
    }
}

//! Plays a Docker Engine and the network to it, as far as an agent in a container can tell.

use agent::link::{Key, Link, Terms, Way, connect};
use agent::{DockerConnections, Duplex, Exit, Running, Session, Start};
use std::future::ready;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Mutex as AsyncMutex, mpsc, watch};

pub(crate) use crate::until::until;

pub(crate) const TERMS: Terms = Terms {
    kept: 1 << 20,
    beat: Duration::from_millis(100),
    silence: Duration::from_millis(700),
    patience: Duration::from_secs(20),
};

/// What an attach buffers for a reader before it holds up all others, as dockerd does.
const ATTACHED: usize = 1 << 20;
const CHUNK: usize = 32 << 10;

pub(crate) fn agent() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_swarm-executor-agent"))
}

/// What the network does to all that is connected, and to who wants to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    Fair,
    /// Connections are closed.
    Cut,
    /// Nothing gets through, and nobody is told.
    Hole,
}

/// A container whose first process is the agent.
pub(crate) struct Container {
    shared: Arc<Shared>,
    process: Child,
}

struct Shared {
    name: String,
    key: Key,
    stdin: Arc<AsyncMutex<ChildStdin>>,
    attached: Mutex<Vec<mpsc::Sender<Vec<u8>>>>,
    weather: watch::Sender<Weather>,
    /// How many bytes a carrier passes in one direction before it is cut; taken by the next one.
    limit: Mutex<Option<usize>>,
    ways: Mutex<Vec<Way>>,
    /// Bytes that came from the agent's stdout.
    written: AtomicUsize,
}

impl Container {
    pub(crate) fn start() -> Self {
        Self::of(Command::new(agent()))
    }

    /// In a process namespace of its own, where the agent is process 1.
    pub(crate) fn isolated() -> Self {
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--mount-proc", "--kill-child"]).arg(agent());
        Self::of(command)
    }

    fn of(mut command: Command) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("agent-test-{}-{number}", std::process::id());
        let mut process = command
            .args(["serve", &name])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("FROM_IMAGE", "yes")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdout = process.stdout.take().unwrap();
        let shared = Arc::new(Shared {
            name,
            key: Key::random().unwrap(),
            stdin: Arc::new(AsyncMutex::new(process.stdin.take().unwrap())),
            attached: Mutex::default(),
            weather: watch::Sender::new(Weather::Fair),
            limit: Mutex::default(),
            ways: Mutex::default(),
            written: AtomicUsize::new(0),
        });
        tokio::spawn(broadcast(stdout, Arc::clone(&shared)));
        Self { shared, process }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id().unwrap()
    }

    /// Returns when it has struck all that was connected.
    pub(crate) async fn weather(&self, weather: Weather) {
        self.shared.weather.send_replace(weather);
        if weather != Weather::Fair {
            until("all is struck", || self.shared.weather.receiver_count(), |left| *left == 0)
                .await;
        }
    }

    /// The next carrier is cut after so many bytes in either direction.
    pub(crate) fn cut_next_after(&self, bytes: usize) {
        *self.shared.limit.lock().unwrap() = Some(bytes);
    }

    pub(crate) fn ways(&self) -> Vec<Way> {
        self.shared.ways.lock().unwrap().clone()
    }

    pub(crate) fn written_to_stdout(&self) -> usize {
        self.shared.written.load(Ordering::Relaxed)
    }

    pub(crate) fn link(&self, terms: Terms) -> Link {
        self.link_with(self.shared.key, terms, Way::Attach)
    }

    pub(crate) fn link_with(&self, key: Key, terms: Terms, first: Way) -> Link {
        let shared = Arc::clone(&self.shared);
        connect(key, terms, first, move |way| ready(carrier(Arc::clone(&shared), way))).unwrap()
    }

    /// A link whose carriers go through something in between.
    pub(crate) fn link_through(
        &self,
        terms: Terms,
        through: impl Fn(Box<dyn Duplex>) -> Box<dyn Duplex> + Send + 'static,
    ) -> Link {
        let shared = Arc::clone(&self.shared);
        let connector = move |way| ready(carrier(Arc::clone(&shared), way).map(&through));
        connect(self.shared.key, terms, Way::Attach, connector).unwrap()
    }

    pub(crate) async fn run(&self, script: &str) -> Running {
        self.run_with(TERMS, start(), script).await.0
    }

    pub(crate) async fn run_with(
        &self,
        terms: Terms,
        start: Start,
        script: &str,
    ) -> (Running, DockerConnections) {
        let (session, connections) = Session::over(self.link(terms));
        (session.start(start, script.as_bytes()).await.unwrap(), connections)
    }

    /// Runs a script to its end.
    pub(crate) async fn log(&self, script: &str) -> (String, Exit) {
        finish(self.run(script).await).await
    }
}

pub(crate) async fn finish(mut running: Running) -> (String, Exit) {
    let mut log = String::new();
    running.output.read_to_string(&mut log).await.unwrap();
    (log, running.exited().await.unwrap())
}

pub(crate) fn start() -> Start {
    let shells = vec!["no-such-bash".into(), "bash".into(), "sh".into()];
    Start { shells, inherit: true, directory: "/".into(), ..Start::default() }
}

/// Dockerd's copying of a container's stdout to all who are attached: who doesn't read holds up
/// all others.
async fn broadcast(mut stdout: ChildStdout, shared: Arc<Shared>) {
    let mut buffer = vec![0; CHUNK];
    while let Ok(size @ 1..) = stdout.read(&mut buffer).await {
        shared.written.fetch_add(size, Ordering::Relaxed);
        let attached = shared.attached.lock().unwrap().clone();
        for reader in &attached {
            let _ = reader.send(buffer[..size].to_vec()).await;
        }
        shared.attached.lock().unwrap().retain(|reader| !reader.is_closed());
    }
}

fn carrier(shared: Arc<Shared>, way: Way) -> io::Result<Box<dyn Duplex>> {
    if *shared.weather.borrow() != Weather::Fair {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    shared.ways.lock().unwrap().push(way);
    let limit = shared.limit.lock().unwrap().take().unwrap_or(usize::MAX);
    let (near, far) = duplex(CHUNK);
    let weather = shared.weather.subscribe();
    match way {
        Way::Attach => tokio::spawn(attach(shared, far, weather, limit)),
        Way::Bridge => tokio::spawn(bridge(shared, far, weather, limit)),
    };
    Ok(Box::new(near))
}

async fn attach(
    shared: Arc<Shared>,
    near: impl Duplex,
    weather: watch::Receiver<Weather>,
    limit: usize,
) {
    let (sender, mut receiver) = mpsc::channel::<Vec<u8>>(ATTACHED / CHUNK);
    shared.attached.lock().unwrap().push(sender);
    let (from_run, to_run) = tokio::io::split(near);
    let (pipe, mut end) = duplex(CHUNK);
    let down = async {
        while let Some(bytes) = receiver.recv().await {
            if end.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    let struck = weather.clone();
    let up = async {
        let (mut input, mut output) = duplex(CHUNK);
        let write = async {
            let mut buffer = vec![0; CHUNK];
            while let Ok(size @ 1..) = output.read(&mut buffer).await {
                shared.stdin.lock().await.write_all(&buffer[..size]).await.unwrap();
            }
        };
        tokio::join!(pass(from_run, &mut input, struck, limit), write)
    };
    tokio::select! {
        _ = up => {}
        () = down => {}
        () = pass(pipe, to_run, weather, limit) => {}
    }
}

async fn bridge(
    shared: Arc<Shared>,
    near: impl Duplex,
    weather: watch::Receiver<Weather>,
    limit: usize,
) {
    let mut process = Command::new(agent())
        .args(["bridge", &shared.name])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let (from_run, to_run) = tokio::io::split(near);
    let (stdin, stdout) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
    tokio::select! {
        () = pass(from_run, stdin, weather.clone(), limit) => {}
        () = pass(stdout, to_run, weather, limit) => {}
    }
}

/// One direction of a connection through the network.
async fn pass(
    from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut weather: watch::Receiver<Weather>,
    limit: usize,
) {
    let mut limited = from.take(limit as u64);
    let carried = tokio::select! {
        biased;
        _ = weather.wait_for(|weather| *weather != Weather::Fair) => None,
        carried = tokio::io::copy(&mut limited, &mut to) => Some(carried),
    };
    let hole = carried.is_none() && *weather.borrow() == Weather::Hole;
    drop(weather);
    if hole {
        std::future::pending::<()>().await;
    }
}

/// Reads the output up to the line `ready`.
pub(crate) async fn until_ready(running: &mut Running) {
    let mut seen = Vec::new();
    while !seen.ends_with(b"ready\n") {
        seen.push(running.output.read_u8().await.unwrap());
    }
}

/// The processes with these words on their command line.
pub(crate) fn processes(words: &str) -> Vec<String> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let line = |entry: std::fs::DirEntry| std::fs::read(entry.path().join("cmdline")).ok();
    all.filter_map(line)
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(words))
        .collect()
}

//! Prints what an agent adds to an empty script, how fast bytes get through it, and what both
//! sides' memory peaks at.
//!
//! `cargo run --release -p agent --example throughput -- target/release/swarm-executor-agent`

#![expect(clippy::print_stdout, reason = "a program for people")]

use agent::{DockerConnection, DockerConnections, Exit, Session, Socket, Start, host};
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const GIB: usize = 1 << 30;
const CHUNK: usize = 64 << 10;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match arguments.as_slice() {
        [agent] => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(measure_all(Path::new(agent))),
        [socket, way] if way == "send" => Ok(send(UnixStream::connect(socket)?)?),
        [socket, _receive] => Ok(receive(UnixStream::connect(socket)?)?),
        _ => Err("name the agent's program".into()),
    }
}

fn send(mut socket: UnixStream) -> io::Result<()> {
    let zeros = vec![0; CHUNK];
    (0..GIB / CHUNK).try_for_each(|_| socket.write_all(&zeros))?;
    socket.shutdown(Shutdown::Write)?;
    socket.read_to_end(&mut Vec::new()).map(drop)
}

fn receive(mut socket: UnixStream) -> io::Result<()> {
    socket.shutdown(Shutdown::Write)?;
    let mut buffer = vec![0; CHUNK];
    while socket.read(&mut buffer)? > 0 {}
    Ok(())
}

async fn measure_all(agent: &Path) -> Result<()> {
    let directory = private_directory()?;
    let socket = directory.join("docker.sock");
    let client = format!("{} {}", std::env::current_exe()?.display(), socket.display());
    overhead(agent, &socket).await?;
    measure(agent, &socket, "output", "head -c 1G /dev/zero").await?;
    measure(agent, &socket, "docker, up", &format!("{client} send")).await?;
    measure(agent, &socket, "docker, down", &format!("{client} receive")).await?;
    Ok(std::fs::remove_dir_all(directory)?)
}

fn private_directory() -> Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;
    let directory = std::env::temp_dir().join(format!("throughput-{}", std::process::id()));
    std::fs::DirBuilder::new().mode(0o700).create(&directory)?;
    Ok(directory)
}

fn start(socket: &Path) -> Start {
    Start {
        command: vec!["sh".into()],
        environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        directory: "/".into(),
        sockets: vec![Socket::Private(socket.to_owned())],
        ..Start::default()
    }
}

async fn overhead(agent: &Path, socket: &Path) -> Result<()> {
    const ROUNDS: u32 = 100;
    let began = Instant::now();
    for _ in 0..ROUNDS {
        let (session, _) = Session::open(host::spawn(agent, None)?);
        session.start(start(socket), b"").await?.exited().await?;
    }
    println!("an empty script: {:?} from spawn to end", began.elapsed() / ROUNDS);
    Ok(())
}

async fn measure(agent: &Path, socket: &Path, what: &str, script: &str) -> Result<()> {
    let (session, connections) = Session::open(host::spawn(agent, None)?);
    // The agent's memory is read at its end, when the shell's parent still is the agent.
    let script = format!("{script}\ngrep VmHWM /proc/$PPID/status >&2\n");
    let began = Instant::now();
    let mut running = session.start(start(socket), script.as_bytes()).await?;
    let docker = tokio::spawn(serve(connections));
    let mut last = Vec::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        let size = running.output.read(&mut buffer).await?;
        if size == 0 {
            break;
        }
        last.clear();
        last.extend_from_slice(&buffer[size.saturating_sub(60)..size]);
    }
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!(running.exited().await?, Exit::Code(0));
    docker.abort();
    let near = std::fs::read_to_string("/proc/self/status")?;
    let near = near.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default().to_owned();
    let far = String::from_utf8_lossy(&last).replace('\0', "");
    println!("{what}: {:.2} GB/s; here {near}; agent {}", 1.073 / seconds, far.trim());
    Ok(())
}

async fn serve(mut connections: DockerConnections) {
    while let Some(connection) = connections.accept().await {
        tokio::spawn(async move {
            let _ = exchange(connection).await;
        });
    }
}

/// Takes all that comes; a client that sends nothing is sent one GiB.
async fn exchange(mut connection: DockerConnection) -> io::Result<()> {
    let got = tokio::io::copy(&mut connection, &mut tokio::io::sink()).await?;
    if got == 0 {
        let zeros = vec![0; CHUNK];
        for _ in 0..GIB / CHUNK {
            connection.write_all(&zeros).await?;
        }
    }
    connection.shutdown().await
}

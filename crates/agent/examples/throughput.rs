//! Prints what an agent adds to an empty script, how fast bytes get through it, by the pipes of a
//! child and by a link, and what that costs both sides in processor time and memory.
//!
//! `cargo run --release -p agent --example throughput -- target/release/swarm-executor-agent`

#![expect(clippy::print_stdout, reason = "a program for people")]

use agent::link::{Key, Terms, Way, connect};
use agent::{DockerConnection, DockerConnections, Exit, Session, Socket, Start, host};
use std::error::Error;
use std::future::ready;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

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
    for way in [by_pipes, by_link] {
        measure(way(agent)?, &socket, "output", "head -c 1G /dev/zero").await?;
        measure(way(agent)?, &socket, "docker, up", &format!("{client} send")).await?;
        measure(way(agent)?, &socket, "docker, down", &format!("{client} receive")).await?;
    }
    Ok(std::fs::remove_dir_all(directory)?)
}

type Open = (&'static str, Session, DockerConnections);

/// A child for one script.
fn by_pipes(agent: &Path) -> Result<Open> {
    let (session, connections) = Session::open(host::spawn(agent, None)?);
    Ok(("pipes", session, connections))
}

/// A first process, reached as by an attach.
fn by_link(agent: &Path) -> Result<Open> {
    let name = format!("throughput-{}", std::process::id());
    let mut child = Command::new(agent)
        .args(["serve", &name])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("no pipes".into());
    };
    host::widen(&output);
    let mut attached = Some(tokio::io::join(output, input));
    let connector = move |_| {
        let _alive = &child;
        ready(attached.take().ok_or_else(|| io::ErrorKind::NotFound.into()))
    };
    let link = connect(Key::random()?, Terms::default(), Way::Attach, connector)?;
    let (session, connections) = Session::over(link);
    Ok(("link", session, connections))
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

async fn measure(open: Open, socket: &Path, what: &str, script: &str) -> Result<()> {
    let (way, session, connections) = open;
    // The agent is looked at in its end, when the shell's parent still is the agent.
    let script = format!("{script}\ncat /proc/$PPID/stat >&2; grep VmHWM /proc/$PPID/status >&2\n");
    let (began, cpu) =
        (Instant::now(), processor_time(&std::fs::read_to_string("/proc/self/stat")?));
    let mut running = session.start(start(socket), script.as_bytes()).await?;
    let docker = tokio::spawn(serve(connections));
    let mut last = Vec::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        let size = running.output.read(&mut buffer).await?;
        if size == 0 {
            break;
        }
        last.extend_from_slice(&buffer[size.saturating_sub(600)..size]);
        last.drain(..last.len().saturating_sub(600));
    }
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!(running.exited().await?, Exit::Code(0));
    docker.abort();
    let near = std::fs::read_to_string("/proc/self/status")?;
    let near = near.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default().to_owned();
    let near_cpu = processor_time(&std::fs::read_to_string("/proc/self/stat")?) - cpu;
    let far = String::from_utf8_lossy(&last).replace('\0', "");
    println!(
        "{what} by {way}: {:.2} GB/s; here {near_cpu:.2} s, {near}; agent {:.2} s, {}",
        1.073 / seconds,
        processor_time(&far),
        far.lines().last().unwrap_or_default()
    );
    Ok(())
}

/// What a process has used, in seconds, by its line in `/proc`.
fn processor_time(stat: &str) -> f64 {
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
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

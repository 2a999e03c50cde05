//! Many connections of Docker clients over one link.

use crate::engine::{Container, TERMS, start, until_ready};
use agent::{DockerConnection, DockerConnections, Socket, Start};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, split};
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

const CLIENTS: u8 = 100;
/// What each says and hears back, in bytes: more than a connection may have on its way.
const MUCH: usize = 400_000;

#[tokio::test]
async fn a_hundred_clients_are_served_beside_one_that_does_not_read_and_one_that_is_not_read() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("docker.sock");
    let offered = Start { sockets: vec![Socket::Shared(path.clone())], ..start() };
    let container = Container::start();
    let script = "echo ready; yes";
    let (mut running, mut connections) = container.run_with(TERMS, offered, script).await;
    until_ready(&mut running).await;
    let (_deaf, mut unheard) = connect(&path, &mut connections).await;
    let (mut unanswered, _idle) = connect(&path, &mut connections).await;
    fill(&mut unheard).await;
    fill(&mut unanswered).await;
    // Nor does anybody read the log.
    serve(&path, connections).await;
    let mut log = vec![0; MUCH];
    running.output.read_exact(&mut log).await.unwrap();
    running.stopper().stop(Duration::ZERO);
    running.exited().await.unwrap();
}

async fn connect(
    path: &Path,
    connections: &mut DockerConnections,
) -> (UnixStream, DockerConnection) {
    let client = UnixStream::connect(path).await.unwrap();
    (client, connections.accept().await.unwrap())
}

/// Writes until no more is taken.
async fn fill(to: &mut (impl AsyncWrite + Unpin)) {
    let mut total = 0;
    while let Ok(size) = timeout(Duration::from_millis(500), to.write(&[0; 8192])).await {
        total += size.unwrap();
    }
    assert!(total > 256 << 10, "{total} bytes were taken");
}

/// All clients at once, each of which hears what it said.
async fn serve(path: &Path, mut connections: DockerConnections) {
    let serving = tokio::spawn(async move {
        while let Some(connection) = connections.accept().await {
            tokio::spawn(echo(connection));
        }
    });
    let clients: JoinSet<_> = (0..CLIENTS).map(|number| converse(path.into(), number)).collect();
    clients.join_all().await;
    serving.abort();
}

async fn echo(connection: DockerConnection) {
    let (mut from, mut to) = split(connection);
    copy(&mut from, &mut to).await.unwrap();
    to.shutdown().await.unwrap();
}

async fn converse(path: PathBuf, number: u8) {
    let (mut from, mut to) = UnixStream::connect(path).await.unwrap().into_split();
    let said = vec![number; MUCH];
    let say = async {
        to.write_all(&said).await.unwrap();
        to.shutdown().await.unwrap();
    };
    let mut heard = Vec::new();
    let ((), read) = tokio::join!(say, from.read_to_end(&mut heard));
    read.unwrap();
    assert!(heard == said, "client {number} heard {} bytes", heard.len());
}

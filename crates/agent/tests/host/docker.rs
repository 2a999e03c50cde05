//! Connections of the job's Docker clients, here played by this process.

use crate::place::{NO_GRACE, Place, agent_of};
use agent::{DockerConnection, DockerConnections, Exit, Running};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::UnixStream;
use tokio::task::JoinSet;

const WAITS: &str = "echo ready; sleep 1000";
const MIB: usize = 1 << 20;

async fn offer(place: &Place) -> (Running, DockerConnections) {
    place.offer_socket(WAITS).await
}

/// A client and what it is connected to.
async fn connect(
    place: &Place,
    connections: &mut DockerConnections,
) -> (UnixStream, DockerConnection) {
    let client = UnixStream::connect(place.socket()).await.unwrap();
    (client, connections.accept().await.unwrap())
}

/// Sends everything back, until the client's end.
async fn echo(mut connection: DockerConnection) {
    let mut buffer = vec![0; 8192];
    loop {
        let size = connection.read(&mut buffer).await.unwrap();
        if size == 0 {
            return connection.shutdown().await.unwrap();
        }
        connection.write_all(&buffer[..size]).await.unwrap();
    }
}

async fn text(from: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut text = String::new();
    from.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn a_server_hears_a_client_out_and_then_answers() {
    let place = Place::new();
    let (_running, mut connections) = offer(&place).await;
    let (mut client, mut server) = connect(&place, &mut connections).await;
    client.write_all(b"question").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(text(&mut server).await, "question");
    server.write_all(b"answer").await.unwrap();
    server.shutdown().await.unwrap();
    assert_eq!(text(&mut client).await, "answer");
}

#[tokio::test]
async fn a_client_can_go_on_after_the_server_has_finished() {
    let place = Place::new();
    let (_running, mut connections) = offer(&place).await;
    let (mut client, mut server) = connect(&place, &mut connections).await;
    server.write_all(b"that is all").await.unwrap();
    server.shutdown().await.unwrap();
    assert_eq!(text(&mut client).await, "that is all");
    client.write_all(b"not for me").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(text(&mut server).await, "not for me");
}

#[tokio::test]
async fn a_client_that_says_nothing_is_announced_and_can_be_spoken_to_first() {
    let place = Place::new();
    let (_running, mut connections) = offer(&place).await;
    let (mut client, mut server) = connect(&place, &mut connections).await;
    server.write_all(b"hello").await.unwrap();
    let mut hello = [0; 5];
    client.read_exact(&mut hello).await.unwrap();
    assert_eq!(&hello, b"hello");
}

#[tokio::test]
async fn an_answer_in_the_middle_of_an_upload_arrives_and_the_upload_fails() {
    let place = Place::new();
    let (_running, mut connections) = offer(&place).await;
    let (client, mut server) = connect(&place, &mut connections).await;
    let (mut from, mut to) = client.into_split();
    let upload = tokio::spawn(async move {
        let chunk = vec![0; MIB];
        loop {
            if let Err(error) = to.write_all(&chunk).await {
                return error.kind();
            }
        }
    });
    server.read_u8().await.unwrap();
    server.write_all(b"403").await.unwrap();
    server.shutdown().await.unwrap();
    drop(server);
    let mut answer = [0; 3];
    from.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"403");
    assert_eq!(upload.await.unwrap(), ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_a_download_fails_the_servers_writes() {
    let place = Place::new();
    let (_running, mut connections) = offer(&place).await;
    let (mut client, mut server) = connect(&place, &mut connections).await;
    let download = tokio::spawn(async move {
        let chunk = vec![0; MIB];
        loop {
            if let Err(error) = server.write_all(&chunk).await {
                return error.kind();
            }
        }
    });
    // The end of file goes first: it alone must not end the download.
    client.shutdown().await.unwrap();
    client.read_exact(&mut vec![0; 10 * MIB]).await.unwrap();
    drop(client);
    assert_eq!(download.await.unwrap(), ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn two_hundred_clients_at_once_are_served_and_one_that_hangs_up_hurts_nobody() {
    let place = Place::new();
    let (_running, mut connections) = offer(&place).await;
    tokio::spawn(async move {
        while let Some(connection) = connections.accept().await {
            tokio::spawn(echo(connection));
        }
    });
    let mut clients = JoinSet::new();
    for number in 0..200 {
        let mut client = UnixStream::connect(place.socket()).await.unwrap();
        clients.spawn(async move {
            let message = format!("client {number}");
            client.write_all(message.as_bytes()).await.unwrap();
            if number % 10 == 0 {
                return;
            }
            client.shutdown().await.unwrap();
            assert_eq!(text(&mut client).await, message);
        });
    }
    clients.join_all().await;
}

#[tokio::test]
async fn more_clients_than_slots_wait_until_one_is_free() {
    let place = Place::new();
    let (_running, mut connections) = offer(&place).await;
    let mut clients = Vec::new();
    for _ in 0..200 {
        clients.push(UnixStream::connect(place.socket()).await.unwrap());
    }
    let mut served = Vec::new();
    while served.len() < 192 {
        served.push(connections.accept().await.unwrap());
    }
    // Only now, when both sides have let go of one, can the next come.
    drop(served.pop());
    let mut next = connections.accept().await.unwrap();
    clients[192].write_all(b"x").await.unwrap();
    assert_eq!(next.read_u8().await.unwrap(), b'x');
}

#[tokio::test]
async fn clients_that_leave_without_a_word_use_up_no_slots() {
    let place = Place::new();
    let (_running, mut connections) = offer(&place).await;
    tokio::spawn(async move {
        while let Some(connection) = connections.accept().await {
            tokio::spawn(echo(connection));
        }
    });
    for _ in 0..1000 {
        drop(UnixStream::connect(place.socket()).await.unwrap());
    }
    let mut client = UnixStream::connect(place.socket()).await.unwrap();
    client.write_all(b"still there?").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(text(&mut client).await, "still there?");
}

#[tokio::test]
async fn hundreds_of_mebibytes_pass_both_ways_at_once_in_little_memory() {
    let place = Place::new();
    let (running, mut connections) = offer(&place).await;
    let (client, server) = connect(&place, &mut connections).await;
    tokio::spawn(echo(server));
    let (mut from, mut to) = client.into_split();
    let sending = tokio::spawn(async move {
        let mut zeros = tokio::io::repeat(0).take(300 * MIB as u64);
        copy(&mut zeros, &mut to).await.unwrap()
    });
    let received = copy(&mut from, &mut tokio::io::sink()).await.unwrap();
    assert_eq!((sending.await.unwrap(), received), (300 * MIB as u64, 300 * MIB as u64));
    let peak = agents_peak(&running);
    assert!(peak < 20 << 10, "the agent's memory peaked at {peak} KiB");
}

/// The most memory the agent has used, in KiB.
fn agents_peak(running: &Running) -> u64 {
    let agent = agent_of(running).as_raw_nonzero();
    let status = std::fs::read_to_string(format!("/proc/{agent}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn the_socket_is_its_owners_only_replaces_a_stale_one_and_is_removed() {
    let place = Place::new();
    drop(UnixListener::bind(place.socket()).unwrap());
    let (running, mut connections) = offer(&place).await;
    let mode = std::fs::metadata(place.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (_client, server) = connect(&place, &mut connections).await;
    assert_eq!(server.socket(), 0);
    running.stopper().stop(NO_GRACE);
    assert_eq!(running.exited().await.unwrap(), Exit::Signal(9));
    assert!(!place.socket().exists());
}

#[tokio::test]
async fn clients_that_nobody_serves_are_turned_away() {
    let place = Place::new();
    let (_running, connections) = offer(&place).await;
    drop(connections);
    let mut client = UnixStream::connect(place.socket()).await.unwrap();
    assert_eq!(text(&mut client).await, "");
}

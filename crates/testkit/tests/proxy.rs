//! What the proxy does to connections, seen from both of their ends.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use testkit::proxy::Proxy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

/// Far more than anything here takes.
const LIMIT: Duration = Duration::from_secs(20);
/// Long enough for bytes to pass that nobody stops.
const MOMENT: Duration = Duration::from_millis(200);
const DELAY: Duration = Duration::from_millis(50);

/// A proxy in front of a listener that the test itself answers at.
async fn proxy() -> (Proxy, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (Proxy::to(listener.local_addr().unwrap()).unwrap(), listener)
}

/// Both ends of a new connection through the proxy.
async fn connected(proxy: &Proxy, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(proxy.address()).await.unwrap();
    let (engine, _) = timeout(LIMIT, listener.accept()).await.unwrap().unwrap();
    (client, engine)
}

/// A proxy in front of a server that sends everything back, on every connection.
async fn echoing() -> (Proxy, AbortOnDropHandle<()>) {
    let (proxy, listener) = proxy().await;
    let server = async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    };
    (proxy, AbortOnDropHandle::new(tokio::spawn(server)))
}

async fn echo(stream: &mut TcpStream, text: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(text).await?;
    let mut answer = vec![0; text.len()];
    timeout(LIMIT, stream.read_exact(&mut answer)).await.unwrap()?;
    Ok(answer)
}

/// Bytes of which each position can be told from its neighbours.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

#[tokio::test]
async fn every_byte_arrives_in_order_while_the_line_is_disturbed() {
    let (proxy, _server) = echoing().await;
    proxy.delay(Duration::from_millis(3));
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    let sent = pattern(8 << 20);
    let (mut from, mut to) = stream.split();
    let speak = async {
        for (number, chunk) in sent.chunks(1 << 20).enumerate() {
            match number {
                2 => proxy.delay(Duration::ZERO),
                4 => proxy.black_hole(),
                5 => proxy.restore().await.unwrap(),
                6 => proxy.delay(DELAY),
                _ => {}
            }
            to.write_all(chunk).await.unwrap();
        }
        to.shutdown().await.unwrap();
    };
    let mut heard = Vec::new();
    let both = async { tokio::join!(speak, from.read_to_end(&mut heard)).1 };
    timeout(LIMIT, both).await.unwrap().unwrap();
    assert!(heard == sent, "{} of {} bytes came back", heard.len(), sent.len());
}

#[tokio::test]
async fn a_delay_costs_two_ways_per_answer_and_a_round_trip_per_connection() {
    let (proxy, _server) = echoing().await;
    proxy.delay(DELAY);
    let begun = Instant::now();
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    echo(&mut stream, b"first").await.unwrap();
    assert!(begun.elapsed() >= 4 * DELAY, "{:?}", begun.elapsed());
    let begun = Instant::now();
    echo(&mut stream, b"second").await.unwrap();
    assert!(begun.elapsed() >= 2 * DELAY, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_delay_is_no_throttle() {
    let (proxy, _server) = echoing().await;
    proxy.delay(DELAY);
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    let begun = Instant::now();
    let (mut from, mut to) = stream.split();
    let speak = async {
        for _ in 0..100 {
            to.write_all(b"a line\n").await.unwrap();
            tokio::task::yield_now().await;
        }
        to.shutdown().await.unwrap();
    };
    let mut heard = Vec::new();
    let both = async { tokio::join!(speak, from.read_to_end(&mut heard)).1 };
    timeout(LIMIT, both).await.unwrap().unwrap();
    assert_eq!(heard.len(), 700);
    // One by one they would have taken a hundred times two delays.
    assert!(begun.elapsed() < 50 * DELAY, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_cut_resets_both_ends_and_refuses_until_restored() {
    let (proxy, listener) = proxy().await;
    let (mut client, mut engine) = connected(&proxy, &listener).await;
    proxy.cut().await;
    for end in [&mut client, &mut engine] {
        let error = timeout(LIMIT, end.read_u8()).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    let refused = TcpStream::connect(proxy.address()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    proxy.restore().await.unwrap();
    let (mut client, mut engine) = connected(&proxy, &listener).await;
    client.write_u8(7).await.unwrap();
    assert_eq!(timeout(LIMIT, engine.read_u8()).await.unwrap().unwrap(), 7);
}

#[tokio::test]
async fn a_cut_after_some_bytes_lets_no_byte_more_through() {
    let (proxy, listener) = proxy().await;
    let (mut client, mut engine) = connected(&proxy, &listener).await;
    let sent = pattern(1 << 20);
    proxy.cut_after(300_000);
    let mut heard = Vec::new();
    let hear = engine.read_to_end(&mut heard);
    let speak = async {
        let _ = client.write_all(&sent).await;
    };
    let ((), end) = tokio::join!(speak, async { timeout(LIMIT, hear).await.unwrap() });
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(heard.len() <= 300_000, "{}", heard.len());
    assert!(sent.starts_with(&heard));
    let refused = TcpStream::connect(proxy.address()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    proxy.restore().await.unwrap();
    connected(&proxy, &listener).await;
}

#[tokio::test]
async fn a_black_hole_keeps_connections_and_gives_back_what_it_held() {
    let (proxy, listener) = proxy().await;
    let (mut client, mut engine) = connected(&proxy, &listener).await;
    proxy.black_hole();
    client.write_u8(1).await.unwrap();
    engine.write_u8(2).await.unwrap();
    let mut later = TcpStream::connect(proxy.address()).await.unwrap();
    later.write_u8(3).await.unwrap();
    assert!(timeout(MOMENT, engine.read_u8()).await.is_err());
    assert!(timeout(MOMENT, client.read_u8()).await.is_err());
    assert!(timeout(MOMENT, listener.accept()).await.is_err());
    proxy.restore().await.unwrap();
    assert_eq!(timeout(LIMIT, engine.read_u8()).await.unwrap().unwrap(), 1);
    assert_eq!(timeout(LIMIT, client.read_u8()).await.unwrap().unwrap(), 2);
    let (mut engine, _) = timeout(LIMIT, listener.accept()).await.unwrap().unwrap();
    assert_eq!(timeout(LIMIT, engine.read_u8()).await.unwrap().unwrap(), 3);
}

#[tokio::test]
async fn one_way_may_end_while_the_other_goes_on() {
    let (proxy, listener) = proxy().await;
    let (mut client, mut engine) = connected(&proxy, &listener).await;
    client.shutdown().await.unwrap();
    let mut said = Vec::new();
    timeout(LIMIT, engine.read_to_end(&mut said)).await.unwrap().unwrap();
    engine.write_all(b"the answer").await.unwrap();
    drop(engine);
    timeout(LIMIT, client.read_to_end(&mut said)).await.unwrap().unwrap();
    assert_eq!(said, b"the answer");
}

#[tokio::test]
async fn traffic_tells_connections_bytes_and_round_trips() {
    let (proxy, _server) = echoing().await;
    for _ in 0..2 {
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        for _ in 0..3 {
            echo(&mut stream, b"12345").await.unwrap();
        }
    }
    let traffic = proxy.traffic();
    assert_eq!((traffic.connections, traffic.round_trips), (2, 6));
    assert_eq!((traffic.to_engine, traffic.from_engine), (30, 30));
}

#[tokio::test]
async fn a_dropped_proxy_is_cut_for_good() {
    let (proxy, listener) = proxy().await;
    let (mut client, _engine) = connected(&proxy, &listener).await;
    let address = proxy.address();
    drop(proxy);
    let error = timeout(LIMIT, client.read_u8()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let refused = TcpStream::connect(address).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::channel::mpsc;
use futures::{SinkExt, StreamExt};
use http::header::{CONNECTION, HOST, UPGRADE};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, BodyStream, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::TokioIo;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use super::server::{Server, config};
use crate::mint::{Authority, endpoint, identity};
use crate::transport::{BoxError, Fault, Transport, TransportError, empty, full};

const BOTH: &[&rustls::SupportedProtocolVersion] = &[&TLS12, &TLS13];

struct Way {
    ca: Authority,
}

impl Way {
    fn new() -> Self {
        Self { ca: Authority::new("ca") }
    }

    fn config(&self) -> rustls::ServerConfig {
        config(&self.ca.server(&["127.0.0.1", "localhost"]), &self.ca, BOTH)
    }

    fn to(&self, server: &Server) -> Transport {
        let identity = identity(&self.ca, &self.ca.client());
        Transport::new(endpoint(&server.address.to_string()), identity, Duration::from_secs(5))
    }
}

async fn text(response: Response<hyper::body::Incoming>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn requests_reuse_one_connection_and_keep_their_path() {
    let way = Way::new();
    let server = Server::http(way.config(), |request| async move {
        let host = request.headers()[HOST].to_str().unwrap().to_owned();
        Response::new(full(format!("{host} {}", request.uri())))
    })
    .await;
    let transport = way.to(&server);
    for _ in 0..3 {
        let request = Request::get("http://docker/v1.41/info?a=b").header(HOST, "docker");
        let response = transport.send(request.body(empty()).unwrap()).await.unwrap();
        assert_eq!(text(response).await, format!("{} /v1.41/info?a=b", server.address));
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn bodies_stream_both_ways_at_once() {
    let way = Way::new();
    let server = Server::http(way.config(), |request| async {
        Response::new(request.into_body().map_err(BoxError::from).boxed_unsync())
    })
    .await;
    let (mut pieces, body) = mpsc::channel::<Result<Frame<Bytes>, BoxError>>(0);
    let request = Request::post("/session").body(StreamBody::new(body)).unwrap();
    let response = way.to(&server).send(request).await.unwrap();
    let mut echo = BodyStream::new(response.into_body());
    for piece in ["first", "second", "third"] {
        pieces.send(Ok(Frame::data(piece.into()))).await.unwrap();
        let frame = echo.next().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), piece);
    }
    drop(pieces);
    assert!(echo.next().await.is_none());
}

#[tokio::test]
async fn an_upgrade_keeps_what_was_sent_behind_it_and_closes_by_halves() {
    let way = Way::new();
    let server = Server::start(way.config(), |mut tls| async move {
        let mut request = vec![0; 4096];
        let _ = tls.read(&mut request).await;
        let _ = tls
            .write_all(
                b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhello ",
            )
            .await;
        let mut rest = String::new();
        tls.read_to_string(&mut rest).await.unwrap();
        tls.write_all(rest.to_uppercase().as_bytes()).await.unwrap();
        tls.shutdown().await.unwrap();
    })
    .await;
    let request =
        Request::post("/containers/x/attach").header(CONNECTION, "Upgrade").header(UPGRADE, "tcp");
    let response = way.to(&server).send(request.body(empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let mut stream = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    stream.write_all(b"world").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "hello WORLD");
}

#[tokio::test]
async fn a_request_that_reached_the_server_is_never_sent_again() {
    let way = Way::new();
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    // Answers the first request of a connection and drops the connection at the second.
    let server = Server::start(way.config(), move |mut tls| {
        let count = Arc::clone(&count);
        async move {
            let mut buffer = vec![0; 4096];
            let _ = tls.read(&mut buffer).await;
            let _ = tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
            let _ = tls.read(&mut buffer).await;
            count.fetch_add(1, Ordering::SeqCst);
        }
    })
    .await;
    let transport = way.to(&server);
    let create = || Request::post("/services/create").body(full("{}")).unwrap();
    assert!(text(transport.send(create()).await.unwrap()).await.is_empty());
    let error = transport.send(create()).await.unwrap_err();
    assert_eq!(*error.fault(), Fault::Closed);
    assert_eq!((seen.load(Ordering::SeqCst), server.accepted()), (1, 1));
}

#[tokio::test]
async fn a_pooled_connection_that_died_is_replaced() {
    let way = Way::new();
    let hung_up = Arc::new(Notify::new());
    let notice = Arc::clone(&hung_up);
    let server = Server::start(way.config(), move |mut tls| {
        let notice = Arc::clone(&notice);
        async move {
            let _ = tls.read(&mut [0; 4096]).await;
            let _ = tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
            let _ = tls.shutdown().await;
            let _ = tls.read_to_end(&mut Vec::new()).await;
            notice.notify_one();
        }
    })
    .await;
    let transport = way.to(&server);
    for connection in 1..=5 {
        let request = Request::post("/services/create").body(full("{}")).unwrap();
        assert_eq!(text(transport.send(request).await.unwrap()).await, "ok");
        assert_eq!(server.accepted(), connection);
        hung_up.notified().await;
    }
}

#[tokio::test]
async fn the_name_localhost_is_looked_up_and_checked() {
    let way = Way::new();
    let server = Server::http(way.config(), |_| async { Response::new(full("ok")) }).await;
    let identity = identity(&way.ca, &way.ca.client());
    let endpoint = endpoint(&format!("tcp://localhost:{}", server.address.port()));
    let transport = Transport::new(endpoint, identity, Duration::from_secs(5));
    assert_eq!(text(transport.send(Request::new(empty())).await.unwrap()).await, "ok");
}

#[tokio::test]
async fn what_went_wrong_is_found_inside_the_errors_of_bollard() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let server = Server::start(config(&theirs.server(&["127.0.0.1"]), &ours, BOTH), |_| async {});
    let endpoint = endpoint(&server.await.address.to_string());
    let identity = identity(&ours, &ours.client());
    let engine = crate::Engine::remote(endpoint, identity, crate::Limits::default());
    let docker = engine.docker().unwrap();
    let error = docker.version().await.unwrap_err();
    assert_eq!(
        TransportError::within(&error).map(TransportError::fault),
        Some(&Fault::UnknownIssuer)
    );
}

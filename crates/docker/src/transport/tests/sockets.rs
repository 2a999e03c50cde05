use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use job::Blame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use super::played::Played;
use crate::EngineAddress;
use crate::endpoint::Source;
use crate::transport::connector::ConnectError;
use crate::transport::{Fault, Transport, TransportError, empty, full};

fn transport(path: &Path) -> Transport {
    let source = Source::Variable("ENGINE".into());
    match EngineAddress::parse(path.to_str().unwrap(), source).unwrap() {
        EngineAddress::Local(socket) => Transport::local(socket, Duration::from_secs(5)),
        EngineAddress::Remote(endpoint) => panic!("{endpoint} is no socket"),
    }
}

async fn ask(path: &Path) -> TransportError {
    transport(path).send(Request::new(empty())).await.unwrap_err()
}

#[tokio::test]
async fn requests_go_over_one_connection_and_keep_their_path() {
    let played = Played::http(|request| Response::new(full(request.uri().to_string())));
    let transport = transport(&played.path());
    for _ in 0..3 {
        let request = Request::get("http://docker/v1.41/info?a=b").body(empty()).unwrap();
        let body = transport.send(request).await.unwrap().into_body().collect().await.unwrap();
        assert_eq!(body.to_bytes(), "/v1.41/info?a=b");
    }
    assert_eq!(played.accepted(), 1);
}

#[tokio::test]
async fn a_socket_without_an_engine_is_told_by_what_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    fs::write(file("text"), "").unwrap();
    drop(UnixListener::bind(file("left")).unwrap());
    for (path, fault, blame, words, remedy) in [
        (file("none"), Fault::NoSocket, Blame::Job, "there is no such socket", "systemctl start"),
        (file("text/none"), Fault::NoSocket, Blame::Job, "there is no such socket", "systemctl"),
        (file("text"), Fault::NotASocket, Blame::Job, "what is there is no socket", "by default"),
        (file(""), Fault::NotASocket, Blame::Job, "what is there is no socket", "by default"),
        (file("left"), Fault::Refused, Blame::System, "nobody listens there", "systemctl start"),
    ] {
        let error = ask(&path).await;
        let (failure, shown) = (error.to_failure(), path.display());
        assert_eq!((error.fault(), failure.blame()), (&fault, blame), "{shown}");
        let told = failure.render();
        let start = format!("cannot reach the engine at unix://{shown}: {words}\n  hint: ");
        let hint = told.strip_prefix(&start).unwrap_or_else(|| panic!("{told}"));
        assert!(hint.contains(remedy) && hint.contains("the variable ENGINE"), "{hint}");
    }
}

/// A test that runs as root can't meet it.
#[test]
fn a_socket_that_this_user_may_not_open() {
    let denied = ConnectError::Socket(io::Error::from(ErrorKind::PermissionDenied));
    assert_eq!(Fault::of(&denied), Fault::Denied);
}

#[tokio::test]
async fn a_socket_of_another_service() {
    let played = Played::raw(async |mut connection| {
        let _ = connection.read(&mut [0; 4096]).await;
        let _ = connection.write_all(b"220 ready\r\n").await;
    });
    let error = ask(&played.path()).await;
    assert_eq!(*error.fault(), Fault::NotHttp);
    let told = error.to_failure().render();
    assert!(told.contains("it does not speak HTTP/1.1 there"), "{told}");
}

#[tokio::test]
async fn an_engine_that_hangs_up() {
    let played = Played::raw(async |mut connection| {
        let _ = connection.read(&mut [0; 4096]).await;
    });
    let error = ask(&played.path()).await;
    assert_eq!(*error.fault(), Fault::Closed);
    assert_eq!(error.to_failure().blame(), Blame::System);
}

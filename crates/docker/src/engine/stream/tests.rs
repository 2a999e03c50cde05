use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::transport::Fault;
use crate::transport::tests::played::Played;
use crate::{Limits, TransportError};

/// An engine that gives this answer to every request and hangs up.
fn answering(answer: &str) -> Played {
    let answer = format!("HTTP/1.1 {answer}");
    Played::raw(move |mut connection| {
        let answer = answer.clone();
        async move {
            let _ = connection.read(&mut [0; 4096]).await;
            let _ = connection.write_all(answer.as_bytes()).await;
        }
    })
}

#[tokio::test]
async fn the_engines_words_tell_a_container_that_is_gone_from_other_trouble() {
    for (status, body, kind, words) in [
        // As attach answers, by hand.
        ("404 Not Found", "No such container: x\r\n", ErrorKind::NotFound, "No such container: x"),
        ("409 Conflict", "container x is paused\r\n", ErrorKind::Other, "container x is paused"),
        (
            "409 Conflict",
            r#"{"message": "Container 4711 is not running"}"#,
            ErrorKind::NotFound,
            "Container 4711 is not running",
        ),
        (
            "500 Internal Server Error",
            r#"{"message": "Container 4711 is not running: Exited (0)"}"#,
            ErrorKind::NotFound,
            "Container 4711 is not running: Exited (0)",
        ),
        (
            "404 Not Found",
            r#"{"message": "No such exec instance: 12345"}"#,
            ErrorKind::Other,
            "No such exec instance: 12345",
        ),
        ("502 Bad Gateway", "<html>", ErrorKind::Other, "the engine answers 502 Bad Gateway"),
        ("200 OK", "", ErrorKind::Other, "the engine answers 200 OK"),
    ] {
        let played = answering(&format!("{status}\r\n\r\n{body}"));
        let engine = played.engine();
        let (attach, exec) = tokio::join!(engine.attach("x"), engine.exec("x", &["true"]));
        for error in [attach.unwrap_err(), exec.unwrap_err()] {
            assert_eq!((error.kind(), error.to_string().as_str()), (kind, words));
        }
    }
}

#[tokio::test]
async fn an_engine_out_of_reach_is_told_as_the_transport_tells_it() {
    let socket = Played::raw(async |_| {}).socket();
    let error = Engine::local(socket, Limits::default()).attach("x").await.unwrap_err();
    let told = error.get_ref().unwrap().downcast_ref::<TransportError>().unwrap();
    assert_eq!(*told.fault(), Fault::NoSocket);
}

#[tokio::test]
async fn an_engine_without_an_answer_is_given_up() {
    let played = Played::raw(async |connection| {
        std::future::pending::<()>().await;
        drop(connection);
    });
    let limits = Limits { response: Duration::from_millis(50), ..Limits::default() };
    let error = Engine::local(played.socket(), limits).attach("x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.to_string().ends_with("docker.sock gave no answer within 50ms"), "{error}");
}

#[tokio::test]
async fn what_is_sent_right_behind_the_head_is_read() {
    let played = answering(
        "101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n\
         \x01\0\0\0\0\0\0\x05hello\x02\0\0\0\0\0\0\x05aside\x01\0\0\0\0\0\0\x06 world",
    );
    let mut stream = played.engine().attach("x").await.unwrap();
    let mut read = String::new();
    stream.read_to_string(&mut read).await.unwrap();
    assert_eq!(read, "hello world");
}

#[tokio::test]
async fn a_container_name_that_is_no_part_of_a_path_is_refused() {
    let played = answering("200 OK\r\n\r\n");
    let error = played.engine().attach("two words").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(played.accepted(), 0);
}

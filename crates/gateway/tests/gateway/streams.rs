//! Bodies that take their time, in one direction or in both.

use std::time::{Duration, Instant};

use crate::stage::{Stage, pass};

#[tokio::test]
async fn each_chunk_of_an_answer_arrives_before_the_next_is_sent() {
    let stage = Stage::set().await;
    let (mut job, mut engine, _) = stage.ask("GET /events HTTP/1.1\r\nHost: x\r\n\r\n").await;
    engine.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    job.head().await;
    for event in ["5\r\nfirst\r\n", "6\r\nsecond\r\n"] {
        engine.say(event).await;
        job.hears(event).await;
    }
    engine.say("0\r\n\r\n").await;
    job.hears("0\r\n\r\n").await;
}

#[tokio::test]
async fn each_chunk_of_a_request_arrives_before_the_next_is_sent() {
    let stage = Stage::set().await;
    let (mut job, mut engine, _) =
        stage.ask("POST /build HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    for chunk in ["5\r\nfirst\r\n", "6\r\nsecond\r\n", "0\r\n\r\n"] {
        job.say(chunk).await;
        engine.hears(chunk).await;
    }
}

#[tokio::test]
async fn an_answer_may_start_and_go_on_while_the_request_does() {
    let stage = Stage::set().await;
    let (mut job, mut engine, _) =
        stage.ask("POST /build HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    engine.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    job.head().await;
    for round in ["1\r\na\r\n", "1\r\nb\r\n", "0\r\n\r\n"] {
        job.say(round).await;
        engine.hears(round).await;
        engine.say(round).await;
        job.hears(round).await;
    }
}

#[tokio::test]
async fn an_answer_that_ends_before_the_request_does_is_seen() {
    let stage = Stage::set().await;
    let (mut job, mut engine, _) =
        stage.ask("POST /images/load HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n").await;
    job.say(vec![0; 1000]).await;
    engine.swallow(1000).await;
    engine
        .say("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfull")
        .await;
    engine.end().await;
    assert!(job.head().await.starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
    job.hears("full").await;
    // The gateway lingers: what the job is still about to send does not meet a closed door.
    job.say(vec![0; 30_000]).await;
    assert_eq!(job.rest().await, "");
}

#[tokio::test]
async fn large_bodies_pass_in_both_directions() {
    const LENGTH: usize = 20_000_000;
    let stage = Stage::set().await;
    let head = format!(
        "PUT /containers/x/archive HTTP/1.1\r\nHost: x\r\nContent-Length: {LENGTH}\r\n\r\n"
    );
    let (mut job, mut engine, _) = stage.ask(&head).await;
    let bytes = vec![7; LENGTH];
    tokio::join!(job.say(&bytes), engine.swallow(LENGTH));
    tokio::join!(
        engine.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n")),
        job.head()
    );
    tokio::join!(engine.say(&bytes), job.swallow(LENGTH));
}

#[tokio::test]
async fn a_body_of_unknown_length_that_the_cluster_ends_by_closing_ends_properly() {
    let stage = Stage::set().await;
    let (mut job, mut engine, _) = stage.ask("GET /x HTTP/1.1\r\nHost: x\r\n\r\n").await;
    engine.say("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nall").await;
    engine.end().await;
    let head = job.head().await;
    assert!(head.contains("Transfer-Encoding: chunked\r\n"), "{head}");
    job.hears("3\r\nall\r\n0\r\n\r\n").await;
}

#[tokio::test]
async fn a_job_that_has_sent_its_last_byte_still_gets_its_answer() {
    let stage = Stage::set().await;
    let (mut job, mut engine, _) = stage.ask("GET /info HTTP/1.1\r\nHost: x\r\n\r\n").await;
    job.end().await;
    engine.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    assert!(job.rest().await.ends_with("\r\n\r\nok"));
}

#[tokio::test]
async fn a_job_that_is_gone_does_not_hold_a_silent_stream() {
    let stage = Stage::set().await;
    let (mut job, mut engine, _) = stage.ask("GET /events HTTP/1.1\r\nHost: x\r\n\r\n").await;
    engine.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    job.head().await;
    drop(job);
    pass(Duration::from_secs(11)).await;
    assert_eq!(engine.rest().await, "");
}

#[tokio::test]
async fn a_job_that_breaks_off_ends_a_silent_stream_at_once() {
    let stage = Stage::set().await;
    let mut job = stage.job_over_tcp().await;
    job.say("GET /events HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut engine = stage.cluster.accept().await;
    engine.head().await;
    engine.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    job.head().await;
    let broken = Instant::now();
    job.break_off();
    assert_eq!(engine.rest().await, "");
    assert!(broken.elapsed() < Duration::from_secs(4), "nobody waited for it to come back");
}

#[tokio::test]
async fn a_job_that_has_sent_its_last_byte_gets_all_of_an_answer_that_keeps_coming() {
    let stage = Stage::set().await;
    let (mut job, mut engine, _) = stage.ask("GET /x/export HTTP/1.1\r\nHost: x\r\n\r\n").await;
    job.end().await;
    engine.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    job.head().await;
    for _ in 0..4 {
        engine.say("4\r\nmore\r\n").await;
        job.hears("4\r\nmore\r\n").await;
        pass(Duration::from_secs(3)).await;
    }
    engine.say("0\r\n\r\n").await;
    assert_eq!(job.rest().await, "0\r\n\r\n");
}

#[tokio::test]
async fn requests_sent_ahead_are_answered_in_order() {
    let stage = Stage::set().await;
    let two = "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n";
    let (mut job, mut engine, _) = stage.ask(two).await;
    engine.say("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na").await;
    job.until("\r\n\r\na").await;
    assert!(engine.head().await.starts_with("GET /b "));
    job.say("GET /c HTTP/1.1\r\nHost: x\r\n\r\n").await;
    engine.say("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb").await;
    job.until("\r\n\r\nb").await;
    assert!(engine.head().await.starts_with("GET /c "));
}

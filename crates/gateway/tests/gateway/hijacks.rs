//! Connections that stop speaking HTTP.

use std::time::Duration;

use crate::stage::{Stage, pass};

const UPGRADED: &str = "HTTP/1.1 101 UPGRADED\r\n\
    Content-Type: application/vnd.docker.multiplexed-stream\r\n\
    Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n";

const ATTACH: &str = "POST /v1.45/containers/x/attach?stream=1&stdin=1 HTTP/1.1\r\nHost: x\r\n\
    Content-Length: 0\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";

const PLAIN_EXEC: &str = "POST /exec/e/start HTTP/1.1\r\nHost: x\r\n\
    Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

#[tokio::test]
async fn bytes_glued_to_the_101_reach_the_job() {
    let stage = Stage::set().await;
    let (mut job, mut engine, asked) = stage.ask(ATTACH).await;
    let asked = asked.to_lowercase();
    assert!(asked.contains("connection: upgrade\r\n"), "{asked}");
    assert!(asked.contains("upgrade: tcp\r\n"), "{asked}");
    engine.say(format!("{UPGRADED}already here")).await;
    job.hears(&format!("{UPGRADED}already here")).await;
}

#[tokio::test]
async fn bytes_that_the_job_sends_before_the_101_reach_the_cluster() {
    let stage = Stage::set().await;
    let (mut job, mut engine, _) = stage.ask(&format!("{ATTACH}early ")).await;
    job.say("bird").await;
    engine.say(UPGRADED).await;
    engine.hears("early bird").await;
    job.hears(UPGRADED).await;
}

#[tokio::test]
async fn each_direction_of_a_raw_stream_ends_by_itself() {
    let stage = Stage::set().await;
    let (mut job, mut engine, _) = stage.ask(ATTACH).await;
    engine.say(UPGRADED).await;
    job.hears(UPGRADED).await;
    job.say("hi").await;
    job.end().await;
    assert_eq!(engine.rest().await, "hi", "the job's end arrives");
    engine.say("hi back").await;
    engine.end().await;
    assert_eq!(job.rest().await, "hi back");
}

#[tokio::test]
async fn the_cluster_may_end_first_and_still_listen() {
    let stage = Stage::set().await;
    let (mut job, mut engine, _) = stage.ask(ATTACH).await;
    engine.say(UPGRADED).await;
    engine.say("bye").await;
    engine.end().await;
    assert_eq!(job.rest().await, format!("{UPGRADED}bye"));
    job.say("last words").await;
    job.end().await;
    assert_eq!(engine.rest().await, "last words");
}

#[tokio::test]
async fn a_plain_hijack_is_a_200_and_raw_bytes_both_ways() {
    let stage = Stage::set().await;
    let (mut job, mut engine, asked) = stage.ask(PLAIN_EXEC).await;
    assert!(asked.to_lowercase().contains("upgrade: tcp\r\n"), "the cluster is asked to upgrade");
    engine.hears("{}").await;
    engine.say(format!("{UPGRADED}out")).await;
    assert_eq!(
        job.head().await,
        "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"
    );
    job.hears("out").await;
    job.say("in").await;
    engine.hears("in").await;
    job.end().await;
    engine.end().await;
    assert_eq!(job.rest().await, "");
}

#[tokio::test]
async fn a_plain_hijack_may_follow_other_requests() {
    let stage = Stage::set().await;
    let (mut job, mut engine, _) = stage.ask("GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n").await;
    engine.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK").await;
    job.until("\r\n\r\nOK").await;
    job.say(PLAIN_EXEC).await;
    engine.until("{}").await;
    engine.say(UPGRADED).await;
    assert!(job.head().await.starts_with("HTTP/1.1 200 OK\r\n"));
    job.say("in").await;
    engine.hears("in").await;
}

#[tokio::test]
async fn a_job_that_ends_right_behind_a_plain_hijack_gets_its_output() {
    let stage = Stage::set().await;
    let mut job = stage.job();
    job.say(PLAIN_EXEC).await;
    job.end().await;
    let mut engine = stage.cluster.accept().await;
    engine.until("{}").await;
    engine.say(format!("{UPGRADED}out")).await;
    assert_eq!(engine.rest().await, "");
    engine.end().await;
    assert!(job.rest().await.ends_with("\r\n\r\nout"));
}

#[tokio::test]
async fn a_job_that_breaks_off_breaks_off_its_stream_at_the_cluster() {
    let stage = Stage::set().await;
    let mut job = stage.job_over_tcp().await;
    job.say(ATTACH).await;
    let mut engine = stage.cluster.accept().await;
    engine.head().await;
    engine.say(UPGRADED).await;
    job.hears(UPGRADED).await;
    job.say("half of").await;
    engine.hears("half of").await;
    job.break_off();
    engine.breaks().await;
}

#[tokio::test]
async fn a_detached_exec_is_an_ordinary_answer_on_a_connection_that_lives_on() {
    let stage = Stage::set().await;
    let (mut job, mut engine, _) = stage.ask(PLAIN_EXEC).await;
    engine.hears("{}").await;
    engine.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    job.hears("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    job.say("GET /info HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(engine.head().await.starts_with("GET /info "));
}

#[tokio::test]
async fn an_upgrade_that_the_cluster_declines_is_an_ordinary_answer() {
    let stage = Stage::set().await;
    let (mut job, mut engine, _) = stage.ask(ATTACH).await;
    let answer = "HTTP/1.1 409 Conflict\r\nContent-Length: 14\r\n\r\n{\"message\":\"\"}";
    engine.say(answer).await;
    job.hears(answer).await;
}

#[tokio::test]
async fn buildkit_opens_a_session_with_its_own_headers() {
    let stage = Stage::set().await;
    let (mut job, mut engine, asked) = stage
        .ask(
            "POST /session HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\
             X-Docker-Expose-Session-Uuid: u\r\nX-Docker-Expose-Session-Grpc-Method: /a\r\n\
             X-Docker-Expose-Session-Grpc-Method: /b\r\n\r\nPRI * HTTP/2.0",
        )
        .await;
    let asked = asked.to_lowercase();
    assert!(asked.contains("upgrade: h2c\r\n"), "{asked}");
    assert_eq!(asked.matches("x-docker-expose-session-grpc-method: /").count(), 2, "{asked}");
    let upgraded =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    engine.say(upgraded).await;
    job.hears(upgraded).await;
    engine.hears("PRI * HTTP/2.0").await;
}

#[tokio::test]
async fn a_raw_stream_that_is_silent_for_hours_lives_on() {
    let stage = Stage::set().await;
    let (mut job, mut engine, _) = stage.ask(ATTACH).await;
    engine.say(UPGRADED).await;
    job.hears(UPGRADED).await;
    pass(Duration::from_hours(6)).await;
    engine.say("still here").await;
    job.hears("still here").await;
}

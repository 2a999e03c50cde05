//! What reaches the cluster of a request, and the job of its answer.

use std::borrow::Cow;

use gateway::policy::{Decision, Policy, RequestFacts, Verdict};

use crate::stage::Stage;

#[tokio::test]
async fn a_ping_comes_back_with_every_header_as_docker_writes_them() {
    let stage = Stage::set().await;
    let (mut job, mut engine, asked) = stage.ask("HEAD /_ping HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(asked.starts_with("HEAD /_ping HTTP/1.1\r\n"), "{asked}");
    let answer = "HTTP/1.1 200 OK\r\nApi-Version: 1.45\r\nBuilder-Version: 2\r\n\
        Docker-Experimental: false\r\nOstype: linux\r\nServer: Docker/26.1 (linux)\r\n\
        Swarm: active/manager\r\nContent-Length: 0\r\n\r\n";
    engine.say(answer).await;
    assert_eq!(job.head().await, answer);
}

#[tokio::test]
async fn path_query_and_headers_go_on_but_not_what_is_between_two_neighbours() {
    let stage = Stage::set().await;
    let (_job, _engine, asked) = stage
        .ask(
            "GET http://docker/v1.41/services?filters=%7B%7D&status=true HTTP/1.1\r\n\
             Host: docker\r\nX-Registry-Auth: e30=\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n\
             TE: trailers\r\n\r\n",
        )
        .await;
    let asked = asked.to_lowercase();
    assert!(asked.starts_with("get /v1.41/services?filters=%7b%7d&status=true http/1.1\r\n"));
    assert!(asked.contains("x-registry-auth: e30=\r\n"), "{asked}");
    assert!(asked.contains("host: 127.0.0.1:"), "{asked}");
    assert!(asked.contains("te: trailers\r\n"), "{asked}");
    assert!(!asked.contains("x-hop") && !asked.contains("connection"), "{asked}");
}

#[tokio::test]
async fn a_connection_serves_many_requests_over_one_connection_to_the_cluster() {
    let stage = Stage::set().await;
    let (mut job, mut engine, _) = stage.ask("GET /info HTTP/1.1\r\nHost: x\r\n\r\n").await;
    for round in 0..3 {
        engine.say(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{round}")).await;
        job.until(&format!("\r\n\r\n{round}")).await;
        job.say("GET /v1.24/info HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(engine.head().await.starts_with("GET /v1.24/info "));
    }
}

#[tokio::test]
async fn an_error_of_the_cluster_comes_back_byte_for_byte() {
    let stage = Stage::set().await;
    let (mut job, mut engine, _) = stage.ask("GET /services/x HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let answer = "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n\
        Content-Length: 35\r\n\r\n{\"message\":\"service x not found\"  }\n";
    let answer = &answer[..answer.len() - 1];
    engine.say(answer).await;
    job.hears(answer).await;
}

#[tokio::test]
async fn answers_without_a_body_have_none() {
    let stage = Stage::set().await;
    let asked = "POST /containers/x/start HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    let (mut job, mut engine, _) = stage.ask(asked).await;
    for status in ["304 Not Modified", "204 No Content"] {
        let answer = format!("HTTP/1.1 {status}\r\nApi-Version: 1.41\r\n\r\n");
        engine.say(&answer).await;
        job.hears(&answer).await;
        job.say(asked).await;
        engine.head().await;
    }
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_is_told_to_go_on() {
    let stage = Stage::set().await;
    let (mut job, mut engine, asked) = stage
        .ask("POST /build HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        .await;
    assert!(!asked.to_lowercase().contains("expect"), "{asked}");
    job.hears("HTTP/1.1 100 Continue\r\n\r\n").await;
    job.say("tar").await;
    engine.hears("tar").await;
}

#[tokio::test]
async fn trailers_pass_in_both_directions() {
    let stage = Stage::set().await;
    let (mut job, mut engine, _) = stage
        .ask(
            "POST /build HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nTrailer: X-Sum\r\n\
             Transfer-Encoding: chunked\r\n\r\n3\r\ntar\r\n0\r\nX-Sum: 1\r\n\r\n",
        )
        .await;
    let body = engine.until("\r\n\r\n").await.to_lowercase();
    assert_eq!(body, "3\r\ntar\r\n0\r\nx-sum: 1\r\n\r\n");
    engine
        .say(
            "HTTP/1.1 200 OK\r\nTrailer: X-End\r\nTransfer-Encoding: chunked\r\n\r\n\
             2\r\nok\r\n0\r\nX-End: 2\r\n\r\n",
        )
        .await;
    job.head().await;
    assert_eq!(job.until("\r\n\r\n").await, "2\r\nok\r\n0\r\nX-End: 2\r\n\r\n");
}

/// A policy that knows one rule.
struct NoSecrets;

impl Policy for NoSecrets {
    fn decide(&self, facts: &RequestFacts<'_>) -> Decision {
        let verdict = match facts.route.operation.kind {
            "secret" => Verdict::Refuse,
            _ => Verdict::Allow,
        };
        Decision { verdict, rule: Cow::Borrowed("no-secrets") }
    }
}

#[tokio::test]
async fn a_refused_request_is_told_the_rule_and_never_reaches_the_cluster() {
    let stage = Stage::with(NoSecrets).await;
    let mut job = stage.job();
    job.say("DELETE /v1.41/%73ecrets/x HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(job.head().await.starts_with("HTTP/1.1 403 Forbidden\r\n"));
    job.hears(r#"{"message":"refused by the rule \"no-secrets\" of this runner"}"#).await;

    job.say("GET /info HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut engine = stage.cluster.accept().await;
    assert!(engine.head().await.starts_with("GET /info "), "the allowed request is the first");
}

//! What the job is told when there is no answer, or half of one.

use crate::stage::Stage;

#[tokio::test]
async fn a_cluster_that_is_gone_is_named_with_a_remedy() {
    let Stage { cluster, gateway } = Stage::set().await;
    let address = cluster.transport.address().to_string();
    cluster.stop();
    let (job, end) = tokio::io::duplex(1024);
    let mut job = crate::job::Wire::new(job);
    let asked = "GET /info HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let (told, ()) = tokio::join!(
        async {
            job.say(asked).await;
            job.rest().await
        },
        gateway.serve(end)
    );
    assert!(told.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{told}");
    assert!(told.contains("Content-Type: application/json\r\n"), "{told}");
    assert!(told.contains(&address) && told.contains("hint: "), "{told}");
}

#[tokio::test]
async fn an_answer_that_is_cut_is_never_ended_neatly() {
    let stage = Stage::set().await;
    let (mut job, mut engine, _) = stage.ask("GET /x HTTP/1.1\r\nHost: x\r\n\r\n").await;
    engine.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n").await;
    job.until("half\r\n").await;
    drop(engine);
    assert_eq!(job.rest().await, "", "no last chunk");
}

#[tokio::test]
async fn an_answer_of_unknown_length_that_is_cut_is_never_ended_neatly() {
    let stage = Stage::set().await;
    let (mut job, mut engine, _) = stage.ask("GET /x HTTP/1.1\r\nHost: x\r\n\r\n").await;
    engine.say("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf").await;
    job.until("half\r\n").await;
    // Without TLS's close_notify, which would say that this was all.
    drop(engine);
    assert_eq!(job.rest().await, "", "no last chunk");
}

#[tokio::test]
async fn a_connection_cut_before_the_answer_is_a_message() {
    let stage = Stage::set().await;
    let (mut job, engine, _) = stage.ask("POST /x HTTP/1.1\r\nHost: x\r\n\r\n").await;
    drop(engine);
    assert!(job.head().await.starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
    job.until("\"}").await;
}

#[tokio::test]
async fn a_request_that_breaks_off_breaks_off_at_the_cluster() {
    let stage = Stage::set().await;
    let (mut job, mut engine, _) = stage
        .ask("POST /build HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        .await;
    engine.hears("4\r\nhalf\r\n").await;
    job.end().await;
    assert_eq!(engine.rest().await, "", "no last chunk");
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let stage = Stage::set().await;
    let mut job = stage.job();
    job.say("\x16\x03\x01 hello\r\n\r\n").await;
    assert!(job.rest().await.starts_with("HTTP/1.1 400 Bad Request\r\n"));
}

#[tokio::test]
async fn connect_is_no_way_to_anywhere() {
    let stage = Stage::set().await;
    let mut job = stage.job();
    job.say("CONNECT 10.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(job.head().await.starts_with("HTTP/1.1 405 "));
}

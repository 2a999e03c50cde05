//! The services that a job changed, and the records of what it asked.

use gateway::touched::Change;

use crate::log::Log;
use crate::stage::Stage;

const SPEC: &str = r#"{"Name": "whoami_hello",
    "Labels": {"com.docker.stack.namespace": "whoami"}, "TaskTemplate": {}}"#;

#[tokio::test]
async fn a_created_service_is_remembered_and_its_bytes_pass_untouched() {
    let stage = Stage::set().await;
    let head = format!(
        "POST /v1.41/services/create HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
        SPEC.len()
    );
    let (mut job, mut engine, asked) = stage.ask(&format!("{head}{SPEC}")).await;
    assert!(asked.to_lowercase().contains(&format!("content-length: {}\r\n", SPEC.len())));
    engine.hears(SPEC).await;
    let answer = "HTTP/1.1 201 Created\r\nContent-Length: 15\r\n\r\n{\"ID\" : \"0b1c\"}";
    engine.say(answer).await;
    job.hears(answer).await;
    let [service] = &stage.gateway.touched()[..] else { panic!("one service") };
    assert_eq!(service.change, Change::Created);
    assert_eq!(service.id.as_deref(), Some("0b1c"));
    assert_eq!(service.name.as_deref(), Some("whoami_hello"));
    assert_eq!(service.stack.as_deref(), Some("whoami"));
}

#[tokio::test]
async fn what_the_cluster_declined_is_not_remembered() {
    let stage = Stage::set().await;
    let (mut job, mut engine, _) =
        stage.ask("DELETE /services/web HTTP/1.1\r\nHost: x\r\n\r\n").await;
    engine.say("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
    job.head().await;
    assert_eq!(stage.gateway.touched(), []);

    job.say("DELETE /services/web HTTP/1.1\r\nHost: x\r\n\r\n").await;
    engine.head().await;
    engine.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    job.head().await;
    assert_eq!(stage.gateway.touched()[0].change, Change::Removed);
}

#[tokio::test]
async fn a_rollback_is_remembered_as_one() {
    let stage = Stage::set().await;
    let (mut job, mut engine, _) = stage
        .ask(
            "POST /services/web/update?version=9&rollback=previous HTTP/1.1\r\nHost: x\r\n\
             Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        )
        .await;
    engine.until("{}").await;
    engine.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
    job.until("{}").await;
    let [service] = &stage.gateway.touched()[..] else { panic!("one service") };
    assert_eq!(service.change, Change::RolledBack { version: Some(9) });
    assert_eq!(service.asked, "web");
}

#[tokio::test]
async fn a_request_too_long_to_be_read_passes_and_is_remembered_without_details() {
    const LENGTH: usize = 6_000_000;
    let stage = Stage::set().await;
    let mut job = stage.job();
    let head =
        format!("POST /services/create HTTP/1.1\r\nHost: x\r\nContent-Length: {LENGTH}\r\n\r\n");
    let bytes = vec![b' '; LENGTH];
    let engine = async {
        let mut engine = stage.cluster.accept().await;
        engine.head().await;
        engine.swallow(LENGTH).await;
        engine.say("HTTP/1.1 201 Created\r\nContent-Length: 11\r\n\r\n{\"ID\":\"0b\"}").await;
        engine
    };
    let asked = async {
        job.say(head).await;
        job.say(&bytes).await;
    };
    let ((), _engine) = tokio::join!(asked, engine);
    job.until("{\"ID\":\"0b\"}").await;
    let [service] = &stage.gateway.touched()[..] else { panic!("one service") };
    assert_eq!((service.id.as_deref(), service.name.as_deref()), (Some("0b"), None));
}

#[tokio::test]
async fn a_record_names_the_object_and_the_rule_and_holds_no_secret() {
    let (log, _guard) = Log::keep();
    let stage = Stage::set().await;
    let (mut job, mut engine, _) = stage
        .ask(
            "POST /v1.41/services/web/update?version=1&token=hush HTTP/1.1\r\nHost: x\r\n\
             X-Registry-Auth: hush\r\nContent-Length: 12\r\n\r\n{\"a\":\"hush\"}",
        )
        .await;
    engine.until("hush\"}").await;
    engine.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhush").await;
    job.until("\r\n\r\nhush").await;
    let records = log.text();
    assert!(!records.contains("hush"), "{records}");
    let record = log.record();
    for part in [
        r#""method":"POST""#,
        r#""path":"/v1.41/services/web/update""#,
        r#""kind":"service""#,
        r#""action":"update""#,
        r#""object":"web""#,
        r#""verdict":"allow""#,
        r#""rule":"permit""#,
        r#""status":200"#,
    ] {
        assert!(record.contains(part), "{part} in {record}");
    }
}

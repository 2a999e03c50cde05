//! Jobs that ask an engine elsewhere to mount what is only where their script runs.

use gateway::policy::{OwnFiles, Permit};

use crate::log::Log;
use crate::stage::{Stage, post};

async fn stage() -> Stage {
    Stage::with(OwnFiles::new(["/builds"], Permit)).await
}

#[tokio::test]
async fn a_container_that_would_mount_the_jobs_own_is_refused_in_words_for_people() {
    let stage = stage().await;
    let mut job = stage.job();
    for host in [
        r#"{"Binds":["/builds/group/project:/src:ro"]}"#,
        r#"{"Mounts":[{"Type":"bind","Source":"/builds/group/project","Target":"/src"}]}"#,
    ] {
        let body = format!(r#"{{"Image":"alpine","HostConfig":{host}}}"#);
        job.say(post("/v1.41/containers/create?name=x", &body)).await;
        let head = job.head().await;
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}");
        assert!(head.contains("Content-Type: application/json\r\n"), "{head}");
        let endpoint = stage.cluster.transport.address();
        job.hears(&format!(
            "{{\"message\":\"/builds/group/project is in this job's own file system, but the \
             engine at {endpoint} would look for it in its own: copy files with \
             \\\"docker cp\\\", build them into an image, or use a volume\"}}"
        ))
        .await;
    }

    job.say("GET /info HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut engine = stage.cluster.accept().await;
    assert!(engine.head().await.starts_with("GET /info "), "nothing came before");
}

#[tokio::test]
async fn a_service_whose_tasks_would_mount_the_jobs_own_is_refused() {
    let stage = stage().await;
    let mut job = stage.job();
    let body = r#"{"Name":"web","TaskTemplate":{"ContainerSpec":{"Mounts":[
        {"Type":"bind","Source":"/builds/web.conf","Target":"/etc/web.conf"}]}}}"#;
    for path in ["/v1.41/services/create", "/services/web/update?version=3"] {
        job.say(post(path, body)).await;
        assert!(job.head().await.starts_with("HTTP/1.1 400 "), "{path}");
        let told = job.until("}").await;
        assert!(told.contains("/builds/web.conf is in this job's own file system"), "{told}");
        assert!(told.contains("the nodes of the cluster at tcp://"), "{told}");
    }
    assert_eq!(stage.gateway.touched(), []);
}

#[tokio::test]
async fn what_mounts_files_of_the_engine_passes_byte_for_byte() {
    let stage = stage().await;
    let body = "{ \"Image\":\"x\",\n \"HostConfig\":{\"Binds\":[\"/srv:/builds\",\"v:/x\"]} } ";
    let (_job, mut engine, asked) = stage.ask(&post("/containers/create", body)).await;
    assert!(asked.to_lowercase().contains(&format!("content-length: {}\r\n", body.len())));
    engine.hears(body).await;
}

#[tokio::test]
async fn a_request_too_long_to_be_a_mistake_passes_as_it_is() {
    let stage = stage().await;
    let body = format!(
        r#"{{"HostConfig":{{"Binds":["/builds:/x"]}},"Env":["{}"]}}"#,
        "x".repeat(5_000_000)
    );
    let mut job = stage.job();
    let engine = async {
        let mut engine = stage.cluster.accept().await;
        engine.head().await;
        engine.swallow(body.len()).await;
    };
    tokio::join!(job.say(post("/containers/create", &body)), engine);
}

#[tokio::test]
async fn the_context_of_a_build_is_not_looked_at() {
    let stage = stage().await;
    let (mut job, mut engine, _) =
        stage.ask("POST /build HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let chunk = "27\r\n{\"HostConfig\":{\"Binds\":[\"/builds:/x\"]}}\r\n";
    job.say(chunk).await;
    engine.hears(chunk).await;
}

#[tokio::test]
async fn a_request_that_breaks_off_before_it_is_understood_never_reaches_the_cluster() {
    let stage = stage().await;
    let mut job = stage.job();
    let whole = post("/containers/create", r#"{"Image":"x"}"#);
    job.say(&whole[..whole.len() - 1]).await;
    job.end().await;
    assert!(job.head().await.starts_with("HTTP/1.1 400 Bad Request\r\n"));

    let mut next = stage.job();
    next.say("GET /info HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut engine = stage.cluster.accept().await;
    assert!(engine.head().await.starts_with("GET /info "), "nothing came before");
}

#[tokio::test]
async fn the_refusal_is_recorded_without_the_path() {
    let (log, _guard) = Log::keep();
    let stage = stage().await;
    let mut job = stage.job();
    job.say(post("/containers/create", r#"{"HostConfig":{"Binds":["/builds/hush:/x"]}}"#)).await;
    job.until("}").await;
    let record = log.record();
    for part in [
        r#""action":"create""#,
        r#""verdict":"refuse""#,
        r#""rule":"own-files""#,
        r#""status":400"#,
    ] {
        assert!(record.contains(part), "{part} in {record}");
    }
    assert!(!record.contains("hush"), "{record}");
}

use job::Blame;

use super::*;
use crate::endpoint::Source;
use crate::transport::tests::played::Played;

fn info(changes: &[(&str, serde_json::Value)]) -> String {
    let mut info = serde_json::json!({
        "Name": "node-1", "ServerVersion": "20.10.24", "OSType": "linux",
        "OperatingSystem": "Debian GNU/Linux 12", "Architecture": "x86_64",
        "Plugins": {"Log": ["none"]}, "Swarm": {"LocalNodeState": "inactive"},
    });
    for (name, value) in changes {
        info[*name] = value.clone();
    }
    info.to_string()
}

/// An engine that answers every path in the same way, with `PATH` for the path.
fn answering(status: u16, api: &'static str, body: String) -> Played {
    Played::http(move |request| {
        let body = body.replace("PATH", request.uri().path());
        Response::builder()
            .status(status)
            .header("Api-Version", api)
            .body(transport::full(body))
            .unwrap()
    })
}

async fn refused(status: u16, api: &'static str, body: String) -> Failure {
    let played = answering(status, api, body);
    played.engine().check().await.unwrap_err()
}

#[test]
fn the_version_goes_in_front_of_the_path() {
    let mut uri = "https://manager:2376/containers/json?all=true".parse().unwrap();
    ApiVersion::parse("1.41").unwrap().put_into(&mut uri);
    assert_eq!(uri, "https://manager:2376/v1.41/containers/json?all=true");
}

#[test]
fn versions_are_compared_as_numbers() {
    assert!(ApiVersion::parse("1.9") < ApiVersion::parse("1.41"));
    assert_eq!(ApiVersion::parse("1"), None);
    assert_eq!(ApiVersion::parse("1.x"), None);
}

#[tokio::test]
async fn an_engine_outside_of_any_swarm_is_known_by_its_facts() {
    let played = answering(200, "1.41", info(&[]));
    let expected = EngineFacts {
        name: "node-1".into(),
        engine_version: "20.10.24".into(),
        api_version: ApiVersion::parse("1.41"),
        os: "linux".into(),
        architecture: "x86_64".into(),
        is_manager: false,
    };
    assert_eq!(played.engine().check().await.unwrap(), expected);
}

#[tokio::test]
async fn the_check_is_one_request_and_settles_the_version_that_bollard_asks_for() {
    let echo = [("ServerVersion", "PATH".into()), ("Version", "PATH".into())];
    let played = answering(200, "1.41", info(&echo));
    let engine = played.engine();
    let docker = engine.docker().unwrap();
    let before = docker.version().await.unwrap().version;
    assert_eq!(before.as_deref(), Some("/version"));
    assert_eq!(engine.check().await.unwrap().engine_version, "/info");
    let after = docker.version().await.unwrap().version;
    assert_eq!(after.as_deref(), Some("/v1.41/version"));
    assert_eq!(played.accepted(), 1);
}

#[tokio::test]
async fn an_engine_that_is_too_old_is_named_with_its_version_and_the_one_needed() {
    let old = [("ServerVersion", "19.03.15".into())];
    let failure = refused(200, "1.40", info(&old)).await;
    assert_eq!(failure.blame(), Blame::System);
    let told = failure.render();
    assert!(
        told.contains(
            "docker.sock is too old: node-1 is Docker Engine 19.03.15 with API 1.40, and API 1.41 \
             is needed\n  hint: upgrade it to Docker Engine 20.10 or newer, or correct the test"
        ),
        "{told}"
    );
}

#[tokio::test]
async fn who_named_an_engine_that_will_not_do_has_to_name_another() {
    let played = answering(200, "1.40", info(&[]));
    let named_by_the_job = played.engine_named_by(Source::Variable("ENGINE".into()));
    let failure = named_by_the_job.check().await.unwrap_err();
    assert_eq!(failure.blame(), Blame::Job);
    assert!(failure.render().contains("the variable ENGINE"), "{}", failure.render());
}

#[tokio::test]
async fn an_engine_for_windows_containers_is_told() {
    let told = refused(200, "1.41", info(&[("OSType", "windows".into())])).await.render();
    assert!(told.contains("is for windows containers: node-1 is Docker Engine 20.10.24"), "{told}");
}

#[tokio::test]
async fn an_engine_that_refuses_to_say_is_quoted() {
    let body = r#"{"message": "authorization denied by plugin"}"#.to_owned();
    let told = refused(403, "1.41", body).await.render();
    let (words, hint) = told.split_once("\n  hint: ").unwrap();
    assert!(
        words.ends_with("answers 403 Forbidden to GET /info: authorization denied by plugin"),
        "{told}"
    );
    assert!(hint.contains("authorization plugin"), "{told}");
}

#[tokio::test]
async fn what_is_no_engine_is_told() {
    let told = refused(200, "1.41", "<html>".into()).await.render();
    assert!(told.contains("answers, but not as a Docker Engine does: "), "{told}");
    assert!(told.contains("hint: point the test at a Docker Engine"), "{told}");
}

#[tokio::test]
async fn the_check_ends_in_time_even_when_the_answer_does_not() {
    let played = Played::raw(async |connection| {
        std::future::pending::<()>().await;
        drop(connection);
    });
    let limits = Limits { check: Duration::from_millis(50), ..Limits::default() };
    let failure = Engine::local(played.socket(), limits).check().await.unwrap_err();
    assert_eq!(failure.blame(), Blame::System);
    assert!(failure.to_string().ends_with("gave no complete answer within 50ms"), "{failure}");
}

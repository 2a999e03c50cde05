//! What a policy is told of a service, and what the job is told by a policy.

use std::borrow::Cow;

use gateway::policy::{Decision, Policy, RequestFacts, Verdict};
use gateway::service::{Asked, Image, Login, ServiceFacts};
use gateway::touched::Change;

use crate::log::Log;
use crate::stage::{Stage, post};

/// Lets everything through but services, of which it tells the job what it was told itself.
struct Telling {
    wants_image: bool,
}

impl Policy for Telling {
    fn decide(&self, facts: &RequestFacts<'_>) -> Decision {
        let verdict = match &facts.service {
            Some(service) => Verdict::RefuseInWords { words: words(service) },
            None => Verdict::Allow,
        };
        Decision { verdict, rule: Cow::Borrowed("telling") }
    }

    fn wants_image(&self, facts: &RequestFacts<'_>) -> bool {
        self.wants_image && facts.service.is_some()
    }
}

fn words(service: &ServiceFacts<'_>) -> String {
    let change = match service.change {
        Change::Created => "created",
        Change::Updated { .. } => "updated",
        Change::RolledBack { .. } => "rolled back",
        Change::Removed => "removed",
    };
    let asked = match service.asked {
        Asked::Spec(spec) => spec.to_string(),
        Asked::Unclear(unclear) => format!("the specification {unclear}"),
    };
    let login = match service.login {
        Login::Absent => "no login".to_owned(),
        Login::Brought { user } => format!("{user:?}"),
    };
    let image = match service.image {
        Image::Unknown => "unknown".to_owned(),
        Image::Known { healthcheck: None } => "unchecked".to_owned(),
        Image::Known { healthcheck: Some(check) } => check.to_string(),
    };
    format!("{change}\n{asked}\n{login}\n{image}")
}

/// The words that a policy told the job.
async fn told(request: &str) -> String {
    let stage = Stage::with(Telling { wants_image: false }).await;
    let mut job = stage.job();
    job.say(request).await;
    let head = job.head().await;
    assert!(head.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{head}");
    assert_eq!(stage.gateway.touched(), []);
    message(&job.until("unknown\"}").await)
}

/// What an error says.
fn message(heard: &str) -> String {
    let told: serde_json::Value = serde_json::from_str(heard).unwrap();
    told["message"].as_str().expect("a message").to_owned()
}

#[tokio::test]
async fn a_policy_reads_a_specification_as_dockerd_will() {
    let asked = r#"{"NAME":"web","mODE":{"replicatedJOB":{}},"later":1}"#;
    let words = told(&post("/v1.40/services/create", asked)).await;
    assert_eq!(words, "created\n{\"Mode\":{},\"Name\":\"web\",\"later\":1}\nno login\nunknown");
}

#[tokio::test]
async fn what_dockerd_would_put_together_in_ways_of_its_own_is_told_as_unclear() {
    let twice = r#"{"Name":"web","UpdateConfig":null,"updateconfig":null}"#;
    let words = told(&post("/services/web/update?version=3", twice)).await;
    let expected =
        "updated\nthe specification has the key \"updateconfig\" twice\nno login\nunknown";
    assert_eq!(words, expected);
    let words = told(&post("/services/create", "[1]")).await;
    assert_eq!(words, "created\nthe specification is no JSON object\nno login\nunknown");
}

#[tokio::test]
async fn a_specification_too_long_to_be_read_is_told_as_unclear() {
    const LENGTH: usize = 5_000_000;
    let stage = Stage::with(Telling { wants_image: true }).await;
    let mut job = stage.job();
    job.say(format!(
        "POST /services/create HTTP/1.1\r\nHost: x\r\nContent-Length: {LENGTH}\r\n\r\n"
    ))
    .await;
    // The rest is not waited for: the answer comes before it.
    job.say(vec![b' '; 4_400_000]).await;
    assert!(job.head().await.starts_with("HTTP/1.1 403 "));
    let words = message(&job.until("}").await);
    assert_eq!(words, "created\nthe specification is longer than 4 MiB\nno login\nunknown");
}

#[tokio::test]
async fn a_rollback_is_told_as_one_and_a_removal_asks_for_nothing() {
    let words = told(&post("/services/web/update?version=3&rollback=previous", "{}")).await;
    assert!(words.starts_with("rolled back\n"), "{words}");

    let stage = Stage::with(Telling { wants_image: true }).await;
    let (_job, _engine, asked) =
        stage.ask("DELETE /services/web HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(asked.starts_with("DELETE /services/web "), "{asked}");
}

#[tokio::test]
async fn a_login_is_told_by_its_user_alone() {
    let (log, _guard) = Log::keep();
    // {"username":"gitlab-ci-token","password":"hush"}
    let login = "eyJ1c2VybmFtZSI6ImdpdGxhYi1jaS10b2tlbiIsInBhc3N3b3JkIjoiaHVzaCJ9";
    let request = format!(
        "POST /services/create HTTP/1.1\r\nHost: x\r\nX-Registry-Auth: {login}\r\n\
         Content-Length: 14\r\n\r\n{{\"Name\":\"web\"}}"
    );
    let stage = Stage::with(Telling { wants_image: false }).await;
    let mut job = stage.job();
    job.say(request).await;
    job.head().await;
    let words = message(&job.until("unknown\"}").await);
    assert_eq!(words, "created\n{\"Name\":\"web\"}\nSome(\"gitlab-ci-token\")\nunknown");
    assert!(!log.text().contains("hush") && !log.text().contains("gitlab-ci-token"));
    let record = log.record();
    for part in [r#""verdict":"refuse""#, r#""rule":"telling""#, r#""status":403"#] {
        assert!(record.contains(part), "{part} in {record}");
    }
}

/// What is told of an image when the cluster gives this answer, and asked for it by this path.
async fn image(name: &str, path: &str, answer: &str) -> String {
    let stage = Stage::with(Telling { wants_image: true }).await;
    let body = format!(r#"{{"TaskTemplate":{{"ContainerSpec":{{"Image":"{name}"}}}}}}"#);
    let (mut job, mut engine, asked) = stage.ask(&post("/v1.45/services/create", &body)).await;
    assert!(asked.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{asked}");
    engine.say(answer).await;
    assert!(job.head().await.starts_with("HTTP/1.1 403 "));
    job.end().await;
    let heard = job.rest().await;
    message(&heard).rsplit('\n').next().unwrap_or_default().to_owned()
}

fn answer(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn an_image_is_looked_at_where_the_policy_wants_it() {
    let path = "/images/jwilder/whoami:1@sha256:0b/json";
    let none = answer(r#"{"Id":"sha256:0b","Config":{"Healthcheck":null}}"#);
    assert_eq!(image("jwilder/whoami:1@sha256:0b", path, &none).await, "unchecked");
    let check = answer(r#"{"Config":{"Healthcheck":{"Retries":3}}}"#);
    assert_eq!(image("web", "/images/web/json", &check).await, r#"{"Retries":3}"#);
}

#[tokio::test]
async fn an_image_that_the_manager_does_not_have_is_unknown() {
    let path = "/images/web/json";
    let none = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(image("web", path, none).await, "unknown");
    assert_eq!(image("web", path, &answer("nonsense")).await, "unknown");
    assert_eq!(image("we?b#%", "/images/we%3Fb%23%25/json", none).await, "unknown");
}

#[tokio::test]
async fn a_name_that_is_no_images_is_not_asked_for() {
    let stage = Stage::with(Telling { wants_image: true }).await;
    let mut job = stage.job();
    for name in ["", "../containers/web", "a//b", "./x"] {
        let body = format!(r#"{{"TaskTemplate":{{"ContainerSpec":{{"Image":"{name}"}}}}}}"#);
        job.say(post("/services/create", &body)).await;
        assert!(job.head().await.starts_with("HTTP/1.1 403 "));
        job.until("unknown\"}").await;
    }
    job.say("GET /info HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut engine = stage.cluster.accept().await;
    assert!(engine.head().await.starts_with("GET /info "), "nothing came before");
}

//! Against an engine that is played: HTTP on loopback, with the events of real pulls.

mod engine;

use std::sync::Mutex;

use job::{RegistryCredential, Secret};
use serde_json::json;

use self::engine::{Answer, Engine};
use super::*;
use crate::images::Sources;

const PATIENCE: Patience = Patience { attempts: 3, pause: Duration::ZERO };

const UNREACHABLE: &str =
    "Get \"https://registry-1.docker.io/v2/\": dial tcp: lookup registry-1.docker.io: no such host";

const DENIED: &str = "pull access denied for app, repository does not exist or may require 'docker login': denied: requested access to the resource is denied";

fn wanted(name: &str, policies: &[PullPolicy]) -> WantedImage {
    WantedImage {
        reference: Reference::parse(name).unwrap(),
        platform: None,
        policies: policies.to_vec(),
        asked_by: Blame::Job,
    }
}

fn for_platform(name: &str, policy: PullPolicy, platform: &str) -> WantedImage {
    let platform = Platform::parse(platform, Blame::Job).ok();
    WantedImage { platform, ..wanted(name, &[policy]) }
}

/// The outcome and the lines of the job log.
async fn bring(
    engine: &Engine,
    sources: Sources,
    wanted: &WantedImage,
) -> (Result<BroughtImage>, Vec<String>) {
    let lines = Mutex::new(Vec::new());
    let say = |line: &str| lines.lock().unwrap().push(line.to_owned());
    let registries = Registries::read(sources).unwrap();
    let bringer = ImageBringer::new(&engine.docker(), registries, PATIENCE);
    let outcome = bringer.bring(wanted, &say).await;
    (outcome, lines.into_inner().unwrap())
}

async fn refused(engine: &Engine, wanted: &WantedImage) -> (Failure, Vec<String>) {
    let (outcome, lines) = bring(engine, Sources::default(), wanted).await;
    (outcome.unwrap_err(), lines)
}

fn login(password: &str) -> Sources {
    let password: Secret = password.to_owned().into();
    let job = vec![RegistryCredential {
        kind: "registry".into(),
        url: "reg.io".into(),
        username: "me".into(),
        password,
    }];
    Sources { job, ..Sources::default() }
}

#[tokio::test]
async fn a_pull_is_two_lines_and_two_requests() {
    let engine = Engine::without_images([Answer::Pulled]).await;
    let wanted = for_platform("alpine", PullPolicy::Always, "linux/amd64");
    let (outcome, lines) = bring(&engine, Sources::default(), &wanted).await;
    let image = outcome.unwrap();
    assert_eq!((image.id.as_str(), image.policy), (engine::ID, PullPolicy::Always));
    assert_eq!(lines[0], "Pulling image alpine for linux/amd64 …");
    let told = format!("Pulled alpine ({}, 7.8 MB) in 0.", engine::DIGEST);
    assert!(lines[1].starts_with(&told), "{lines:?}");
    assert_eq!(lines.len(), 2);
    let requests = engine.requests();
    assert_eq!(
        requests,
        [
            "POST /images/create fromImage=alpine:latest platform=linux/amd64",
            "GET /images/alpine:latest/json"
        ]
    );
}

#[tokio::test]
async fn what_is_there_is_used_with_one_request() {
    for policy in [PullPolicy::IfNotPresent, PullPolicy::Never] {
        let engine = Engine::with_image([]).await;
        let name = "reg.io:5000/group/app:3";
        let (outcome, lines) = bring(&engine, Sources::default(), &wanted(name, &[policy])).await;
        assert_eq!(outcome.unwrap().id, engine::ID);
        let expected =
            format!("Using image {name}, already on the engine ({}, 7.8 MB)", engine::DIGEST);
        assert_eq!(lines, [expected]);
        assert_eq!(engine.requests(), ["GET /images/reg.io:5000/group/app:3/json"]);
    }
}

#[tokio::test]
async fn always_asks_the_registry_and_says_that_nothing_is_new() {
    let engine = Engine::with_image([Answer::UpToDate]).await;
    let wanted = wanted("alpine:3", &[PullPolicy::Always]);
    let (outcome, lines) = bring(&engine, Sources::default(), &wanted).await;
    outcome.unwrap();
    assert!(lines[1].starts_with("Image alpine:3 is up to date (sha256:"), "{lines:?}");
}

#[tokio::test]
async fn an_id_is_never_pulled() {
    let wanted = wanted(engine::ID, &[PullPolicy::Always]);
    let engine = Engine::with_image([]).await;
    bring(&engine, Sources::default(), &wanted).await.0.unwrap();
    let engine = Engine::without_images([]).await;
    let (failure, _) = refused(&engine, &wanted).await;
    assert!(failure.to_string().starts_with("the engine has no image with the id sha256:"));
}

#[tokio::test]
async fn never_means_never() {
    let engine = Engine::without_images([]).await;
    let (failure, lines) = refused(&engine, &wanted("alpine:3", &[PullPolicy::Never])).await;
    assert_eq!(failure.blame(), Blame::Job);
    assert_eq!(
        failure.to_string(),
        "the engine has no image alpine:3, and the pull policy never forbids to pull it"
    );
    assert!(lines.is_empty());
}

#[tokio::test]
async fn a_fallback_is_told_and_used() {
    let engine = Engine::with_image([Answer::Refused(DENIED)]).await;
    let wanted = wanted("app", &[PullPolicy::Always, PullPolicy::IfNotPresent]);
    let (outcome, lines) = bring(&engine, Sources::default(), &wanted).await;
    assert_eq!(outcome.unwrap().policy, PullPolicy::IfNotPresent);
    assert!(lines[1].starts_with("Pull policy always failed: docker.io has no image app, or"));
    assert_eq!(lines[2], "Falling back to pull policy if-not-present for app");
    assert!(lines[3].starts_with("Using image app, already on the engine"), "{lines:?}");
}

#[tokio::test]
async fn when_every_policy_fails_all_of_it_is_told_and_the_blame_is_the_systems_if_any_is() {
    let engine = Engine::without_images([Answer::Broken(UNREACHABLE); 3]).await;
    let wanted = wanted("app", &[PullPolicy::Always, PullPolicy::Never]);
    let (failure, lines) = refused(&engine, &wanted).await;
    assert_eq!(failure.blame(), Blame::System);
    let told = failure.render();
    assert!(told.contains("the engine cannot reach docker.io to pull app: Get"), "{told}");
    assert!(told.contains("\nthe engine has no image app, and"), "{told}");
    let again = lines.iter().filter(|line| line.contains("trying again in 0.0 s: Get ")).count();
    assert_eq!(again, 2, "{lines:?}");
}

#[tokio::test]
async fn a_registry_that_comes_back_is_tried_again() {
    let engine = Engine::without_images([Answer::Broken(UNREACHABLE), Answer::Pulled]).await;
    let wanted = wanted("alpine", &[PullPolicy::Always]);
    bring(&engine, Sources::default(), &wanted).await.0.unwrap();
}

#[tokio::test]
async fn the_same_policy_twice_tells_the_same_failure_once() {
    let engine = Engine::without_images([Answer::Refused(DENIED); 2]).await;
    let wanted = wanted("app", &[PullPolicy::Always, PullPolicy::Always]);
    let (failure, _) = refused(&engine, &wanted).await;
    assert_eq!(failure.render().matches("has no image").count(), 1);
}

#[tokio::test]
async fn a_login_is_sent_in_the_alphabet_that_the_engine_reads() {
    // In base64 the password holds what the two alphabets write differently.
    let password = "???>>>~~~ÿÿ";
    let engine = Engine::without_images([Answer::Pulled]).await;
    let wanted = wanted("reg.io/app:1", &[PullPolicy::IfNotPresent]);
    let (outcome, lines) = bring(&engine, login(password), &wanted).await;
    outcome.unwrap();
    assert_eq!(
        lines[0],
        "Pulling image reg.io/app:1 with the login from the job's own credentials …"
    );
    let sent = engine.login();
    assert_eq!(sent["username"], json!("me"));
    assert_eq!(sent["password"], json!(password));
    assert_eq!(sent["serveraddress"], json!("reg.io"));
}

#[tokio::test]
async fn who_has_to_act_depends_on_what_was_said_and_on_the_login() {
    use Blame::{Job, System};
    let unauthorized =
        "Head \"https://reg.io/v2/app/manifests/1\": unauthorized: authentication required";
    for (words, sources, blame, message, hint) in [
        (
            DENIED,
            Sources::default(),
            Job,
            "reg.io has no image reg.io/app:1, or shows it only after a login",
            "DOCKER_AUTH_CONFIG",
        ),
        (
            DENIED,
            login("x"),
            Job,
            "or denies it to the login from the job's own credentials",
            "what that user may read",
        ),
        (
            unauthorized,
            Sources::default(),
            Job,
            "reg.io gives the image reg.io/app:1 only after a login",
            "DOCKER_AUTH_CONFIG",
        ),
        (
            unauthorized,
            login("x"),
            System,
            "reg.io rejects the login from the job's own credentials",
            "container registry",
        ),
        (
            "manifest for reg.io/app:1 not found: manifest unknown: manifest unknown",
            Sources::default(),
            Job,
            "reg.io has no image reg.io/app:1",
            "name and tag",
        ),
        (
            "toomanyrequests: You have reached your pull rate limit.",
            Sources::default(),
            System,
            "reg.io limits how often",
            "mirror",
        ),
        (
            "write /var/lib/docker/x: no space left on device",
            Sources::default(),
            System,
            "the engine's disk is full",
            "docker system prune",
        ),
        (
            "x509: certificate signed by unknown authority",
            Sources::default(),
            System,
            "does not trust reg.io",
            "certs.d/reg.io/ca.crt",
        ),
        (
            "no matching manifest for linux/s390x in the manifest list entries",
            Sources::default(),
            Job,
            "does not exist for the engine's platform",
            "platform",
        ),
    ] {
        for answer in [Answer::Refused(words), Answer::Broken(words)] {
            let engine = Engine::without_images([answer]).await;
            let wanted = wanted("reg.io/app:1", &[PullPolicy::Always]);
            let sources = Sources { job: sources.job.clone(), ..Sources::default() };
            let failure = bring(&engine, sources, &wanted).await.0.unwrap_err();
            let told = failure.render();
            assert_eq!(failure.blame(), blame, "{told}");
            assert!(told.contains(message) && told.contains(words), "{told}");
            assert!(failure.hints()[0].contains(hint), "{told}");
        }
    }
}

#[tokio::test]
async fn an_images_own_name_is_not_taken_for_the_registrys_words() {
    let words = "manifest for reg.io/unauthorized:1 not found: manifest unknown";
    let engine = Engine::without_images([Answer::Broken(words)]).await;
    let (failure, _) =
        refused(&engine, &wanted("reg.io/unauthorized:1", &[PullPolicy::Always])).await;
    assert_eq!(failure.to_string(), "reg.io has no image reg.io/unauthorized:1");
}

#[tokio::test]
async fn an_image_that_the_profile_names_is_the_systems() {
    let engine = Engine::without_images([Answer::Refused(DENIED)]).await;
    let wanted = WantedImage { asked_by: Blame::System, ..wanted("helper", &[PullPolicy::Always]) };
    assert_eq!(refused(&engine, &wanted).await.0.blame(), Blame::System);
}

#[tokio::test]
async fn an_image_of_another_platform_is_pulled_anew_or_refused() {
    let engine = Engine::with_image([]).await;
    let (failure, _) =
        refused(&engine, &for_platform("app", PullPolicy::Never, "linux/arm64")).await;
    assert_eq!(failure.to_string(), "the image app is for linux/amd64, not for linux/arm64");
    assert_eq!(failure.blame(), Blame::Job);

    let engine = Engine::with_image([Answer::Pulled]).await;
    let (failure, lines) =
        refused(&engine, &for_platform("app", PullPolicy::IfNotPresent, "linux/arm64")).await;
    assert_eq!(lines, ["Pulling image app for linux/arm64 …"]);
    assert_eq!(failure.to_string(), "the image app is for linux/amd64, not for linux/arm64");
}

#[tokio::test]
async fn an_engine_that_goes_away_ends_it_without_a_fallback() {
    let engine = Engine::without_images([Answer::CutOff]).await;
    let wanted = wanted("app", &[PullPolicy::Always, PullPolicy::IfNotPresent]);
    let (failure, lines) = refused(&engine, &wanted).await;
    assert_eq!(failure.blame(), Blame::System);
    assert_eq!(
        failure.to_string(),
        "the connection to the engine was lost while it brought an image"
    );
    assert_eq!(lines.len(), 1, "{lines:?}");
}

//! The operator's record of what a job asked for.

use std::fs;

use job::Result;
use play::{Cancel, Protocol};
use scenarios::{Scenario, runner_with};
use serde_json::Value;

use crate::settings::Settings;

/// What no record may hold: the secret and the password as they are and as they travel, every
/// other thing that travels as JSON in base64, and keys.
const SECRETS: [&str; 6] =
    ["hush-secret", "aHVzaC1zZWNyZXQ", "hush-password", "eyJ", "PRIVATE KEY", "hush-arg"];

const SCRIPT: &str = r#"
export DOCKER_API_VERSION=1.40 DOCKER_CONFIG=$PWD/config DOCKER_BUILDKIT=0
mkdir config
echo '{"auths": {"localhost:1": {"auth": "'$(printf me:hush-password | base64)'"}}}' >config/config.json
printf hush-secret | docker secret create $NAME-secret -
docker service create --quiet --detach --with-registry-auth --name $NAME --secret $NAME-secret jwilder/whoami
docker service update --quiet --detach --env-add A=hush-arg $NAME
docker service rm $NAME
docker pull localhost:1/nosuch || true
echo FROM localhost:1/nosuch | docker build --build-arg A=hush-arg - || true
docker rm $NAME-nosuch || true
docker secret rm $NAME-secret
"#;

#[tokio::test]
async fn every_request_at_the_gateway_is_recorded_and_no_secret_is() -> Result<()> {
    let scenario = Scenario::new()?;
    let job = scenario.job("audit");
    let name = format!("audit{}", job.id);
    let job = job.script([format!("NAME={name}"), SCRIPT.to_owned()]);
    let settings = Settings::new("");
    let runner = runner_with(Protocol::V19, &settings.arguments());
    let outcome = runner.play(&job, &Cancel::default(), |_| {}).await;
    assert!(outcome.is_success(), "{}", outcome.log_text());

    let diagnostics = fs::read_to_string(settings.diagnostics()).unwrap();
    let key = scenario.credentials.identity.key.lines().nth(1).unwrap_or_default();
    for secret in SECRETS.iter().copied().chain([key]) {
        assert!(!diagnostics.contains(secret), "{secret} in {diagnostics}");
    }
    let ours = format!("gitlab.example.com-{} group/app build_script", job.id);
    let records: Vec<_> = diagnostics.lines().filter_map(|line| record(line, &ours)).collect();
    for asked in [
        "POST /v1.40/secrets/create secret create - allow permit 201".to_owned(),
        "POST /v1.40/services/create service create - allow permit 201".to_owned(),
        format!("GET /v1.40/services/{name} service inspect {name} allow permit 200"),
        format!("DELETE /v1.40/services/{name} service remove {name} allow permit 200"),
        "POST /v1.40/images/create image pull - allow permit 500".to_owned(),
        "POST /v1.40/build build start - allow permit 200".to_owned(),
        format!(
            "DELETE /v1.40/containers/{name}-nosuch container remove {name}-nosuch allow permit 404"
        ),
    ] {
        let times = records.iter().filter(|record| **record == asked).count();
        assert_eq!(times, 1, "{asked} in {records:#?}");
    }
    Ok(())
}

/// What a line says of a request; nothing where it is about something else. Each request is `ours`:
/// of this job, project and stage.
fn record(line: &str, ours: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).expect("JSON");
    if line["target"] != "audit" {
        return None;
    }
    let whose = ["job", "project", "stage"].map(|of| line["span"][of].as_str().unwrap_or("-"));
    assert_eq!(whose.join(" "), ours, "{line}");
    let fields = ["method", "path", "kind", "action", "object", "verdict", "rule", "status"];
    let words = fields.map(|field| match &line["fields"][field] {
        Value::Null => "-".to_owned(),
        Value::String(word) => word.clone(),
        other => other.to_string(),
    });
    Some(words.join(" "))
}

//! What a job is given: a socket of its own, the certificates, or nothing.

use job::Result;
use play::{Cancel, Outcome, Protocol};
use scenarios::{Left, Scenario, left_by, runner, runner_with};
use tempfile::TempDir;

use crate::settings::Settings;

/// Every variable that leads a docker CLI somewhere.
const WAYS: &str = "env | sed --quiet --regexp-extended \
    '/^DOCKER_(HOST|TLS|TLS_VERIFY|CERT_PATH|CONTEXT)=/p' | sort";

#[tokio::test]
async fn two_jobs_at_once_have_a_gateway_each_that_only_their_user_can_open() -> Result<()> {
    let scenario = Scenario::new()?;
    let meeting = TempDir::new().unwrap();
    let job = |me: &str, other: &str| {
        let at = meeting.path().display();
        scenario.job(me).script([
            "socket=${DOCKER_HOST#unix://}",
            "stat --format 'mode %a %F' $socket $(dirname $socket)",
            &format!("touch {at}/{me}; until [ -e {at}/{other} ]; do sleep 0.05; done"),
            "docker info --format 'at {{.Name}}'",
            WAYS,
        ])
    };
    let (one, two) = (job("one", "two"), job("two", "one"));
    let (runner, cancel) = (runner(Protocol::V19), Cancel::default());
    let (first, second) =
        tokio::join!(runner.play(&one, &cancel, |_| {}), runner.play(&two, &cancel, |_| {}));
    for (job, outcome) in [(&one, &first), (&two, &second)] {
        let log = outcome.log_text();
        assert!(outcome.is_success(), "{log}");
        assert!(log.contains("\nmode 600 socket\nmode 700 directory\n"), "{log}");
        assert!(log.contains("\nat manager1\n"), "{log}");
        let own =
            format!("\nDOCKER_HOST=unix:///run/swarm-executor/jobs/gitlab.example.com-{}/", job.id);
        assert!(log.contains(&own), "{log}");
        assert_eq!(left_by(job), Left::default());
    }
    Ok(())
}

#[tokio::test]
async fn docker_left_running_at_the_gateway_does_not_hold_up_the_job() -> Result<()> {
    let scenario = Scenario::new()?;
    let job = scenario.job("leaves").script(["docker events &", "docker info --format {{.Name}}"]);
    let outcome = play(&job, "").await;
    assert!(outcome.is_success(), "{}", outcome.log_text());
    assert_eq!(left_by(&job), Left::default());
    Ok(())
}

#[tokio::test]
async fn certificates_in_place_of_the_gateway_work() -> Result<()> {
    let scenario = Scenario::new()?;
    let job = scenario.job("certificates").script([
        WAYS,
        "stat --format '%a' $DOCKER_CERT_PATH/*.pem",
        "docker info --format 'at {{.Name}}'",
    ]);
    let outcome = play(&job, "[profile.default]\ndocker_access = 'certificates'\n").await;
    let log = outcome.log_text();
    assert!(outcome.is_success(), "{log}");
    let ways = format!(
        "\nDOCKER_CERT_PATH=/run/swarm-executor/jobs/gitlab.example.com-{}/certificates\n\
         DOCKER_HOST={}\nDOCKER_TLS_VERIFY=1\n",
        job.id, scenario.credentials.endpoint,
    );
    for told in [ways.as_str(), "\n600\n600\n600\n", "\nat manager1\n"] {
        assert!(log.contains(told), "{told} in {log}");
    }
    assert_eq!(left_by(&job), Left::default());
    Ok(())
}

#[tokio::test]
async fn without_the_gateway_a_job_needs_neither_credentials_nor_cluster() -> Result<()> {
    let scenario = Scenario::new()?;
    let mut job = scenario.job("none").script([WAYS, "echo no way"]);
    job.variables.retain(|variable| {
        !variable.key.starts_with("DOCKER_MACHINE") && variable.key != "DOCKER_SWARM_MASTER"
    });
    let outcome = play(&job, "[profile.default]\ndocker_access = 'none'\n").await;
    let log = outcome.log_text();
    assert!(outcome.is_success(), "{log}");
    assert!(log.contains("\nno way\n") && !log.contains("DOCKER_HOST="), "{log}");
    assert_eq!(left_by(&job), Left::default());
    Ok(())
}

async fn play(job: &play::Job, settings: &str) -> Outcome {
    let settings = Settings::new(settings);
    let runner = runner_with(Protocol::V19, &settings.arguments());
    runner.play(job, &Cancel::default(), |_| {}).await
}

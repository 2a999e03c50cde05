//! The ends that gitlab-runner knows: success, failure, cancel, timeout.

use std::time::Duration;

use job::Result;
use play::{Cancel, Status};
use scenarios::{Moment, PROTOCOLS, Scenario, at, runner, settings};

use crate::story::{
    BUSY, HASTY, PROCESSES, SAY_BUSY, article, assert_nothing_left, assert_something_left,
    certificates, job, runner_by,
};

#[tokio::test]
async fn after_success() -> Result<()> {
    let scenario = Scenario::new()?;
    for protocol in PROTOCOLS {
        let job = job(&scenario, &article(&["docker node ls", "rm -rf $DOCKER_CERT_PATH"]));
        let outcome = runner(protocol).play(&job, &Cancel::default(), |_| {}).await;
        assert!(outcome.is_success(), "{}", outcome.log_text());
        assert_nothing_left(&job, &outcome.log_text());
    }
    Ok(())
}

#[tokio::test]
async fn after_a_deploy_that_fails_before_the_articles_own_clean_up() -> Result<()> {
    let scenario = Scenario::new()?;
    for protocol in PROTOCOLS {
        let job = job(&scenario, &article(&["docker stack deploy -c missing.yml whoami"]));
        let outcome = runner(protocol).play(&job, &Cancel::default(), |_| {}).await;
        let log = outcome.log_text();
        assert!(matches!(outcome.status, Status::ScriptFailure(1) | Status::BuildFailure), "{log}");
        assert_nothing_left(&job, &log);
    }
    Ok(())
}

#[tokio::test]
async fn after_a_cancel_in_the_middle_of_the_script() -> Result<()> {
    let scenario = Scenario::new()?;
    let settings = settings(HASTY)?;
    for protocol in PROTOCOLS {
        let job = job(&scenario, &article(&PROCESSES));
        let cancel = Cancel::default();
        let runner = runner_by(protocol, &settings);
        let outcome = runner.play(&job, &cancel, at(Moment::Said(BUSY), |_| cancel.cancel())).await;
        assert_eq!(outcome.status, Status::Cancelled, "{}", outcome.log_text());
        assert_nothing_left(&job, &outcome.log_text());
    }
    Ok(())
}

#[tokio::test]
async fn after_a_timeout() -> Result<()> {
    let scenario = Scenario::new()?;
    let job = job(&scenario, &article(&[SAY_BUSY, "sleep 1000"])).timeout(Duration::from_secs(4));
    let runner = runner(PROTOCOLS[1]);
    let outcome = runner.play(&job, &Cancel::default(), |_| {}).await;
    assert_eq!(outcome.status, Status::TimedOut, "{}", outcome.log_text());
    assert!(outcome.log_text().contains(BUSY), "{}", outcome.log_text());
    assert_nothing_left(&job, &outcome.log_text());
    Ok(())
}

#[tokio::test]
async fn after_a_script_that_leaves_processes_and_a_cleanup_of_its_own() -> Result<()> {
    let scenario = Scenario::new()?;
    let job = job(&scenario, &article(&PROCESSES[..6]));
    let mut runner = runner(PROTOCOLS[1]);
    let cleanup = runner.cleanup.take();
    let outcome = runner.play(&job, &Cancel::default(), |_| {}).await;
    assert!(outcome.is_success(), "{}", outcome.log_text());
    assert_something_left(&job);
    assert!(certificates(&job).join("key.pem").exists());
    runner.cleanup = cleanup;
    let outcome = runner.clean_up(&job, |_| {}).await;
    assert!(outcome.stages.iter().all(|record| record.exit.is_success()), "{outcome:?}");
    assert_nothing_left(&job, &String::from_utf8_lossy(&outcome.cleanup_log));
    Ok(())
}

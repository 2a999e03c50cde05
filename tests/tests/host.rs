//! Placement host: what a script can do to the machine's own files, and what leads its docker away.

use std::fs;
use std::path::Path;

use job::{Failure, Result};
use play::{Cancel, Protocol, Sources, Variable};
use scenarios::{Left, Scenario, left_by, runner};

#[tokio::test]
async fn a_script_that_says_it_is_another_job_is_cleaned_up_after_and_the_other_is_not()
-> Result<()> {
    let scenario = Scenario::new()?;
    let other = scenario.job("other").id;
    let theirs = format!("/run/swarm-executor/jobs/gitlab.example.com-{other}");
    let key = Path::new(&theirs).join("certificates/key.pem");
    let failed = |error| Failure::system("cannot play the other job").caused_by(error);
    fs::create_dir_all(key.parent().unwrap_or(&key)).map_err(failed)?;
    fs::write(&key, "theirs").map_err(failed)?;
    let record = format!(
        r#"{{"key":"gitlab.example.com-{other}","attempt_directory":"/tmp/elsewhere",
            "place":{{"host":{{"builds_directory":"/nowhere/gitlab.example.com-{other}",
            "remove_builds_directory":true,"secrets":{{"certificates":[],"variables":null}}}}}}}}"#
    );
    fs::write(Path::new(&theirs).join("job.json"), record).map_err(failed)?;

    let job = scenario.job("impostor").sources(Sources::None);
    let lie = format!(r#"sed -i 's/"id":{}/"id":{other}/' $TMPDIR/response.json"#, job.id);
    let job = job.script([lie.as_str(), "grep -c id $TMPDIR/response.json"]);
    let job = job.after_script(["docker ps && echo with the credentials of anoth''er"]);
    let outcome = runner(Protocol::V19).play(&job, &Cancel::default(), |_| {}).await;

    let log = outcome.log_text();
    let refusal = format!("ERROR: job gitlab.example.com-{other} was prepared in /tmp/elsewhere");
    assert!(log.contains(&refusal), "{log}");
    assert!(!log.contains("with the credentials of another"), "{log}");
    assert_eq!(left_by(&job), Left::default());
    assert_eq!(fs::read_to_string(&key).map_err(failed)?, "theirs");
    fs::remove_dir_all(&theirs).map_err(failed)
}

#[tokio::test]
async fn variables_left_over_from_docker_in_docker_are_named() -> Result<()> {
    let scenario = Scenario::new()?;
    let job = scenario
        .job("dind")
        .sources(Sources::None)
        .variable(Variable::new("DOCKER_HOST", "tcp://docker:2375"))
        .variable(Variable::new("DOCKER_TLS_VERIFY", ""))
        .script(["true"]);
    let outcome = runner(Protocol::V19).play(&job, &Cancel::default(), |_| {}).await;
    let log = outcome.log_text();
    let warning = "WARNING: the job sets DOCKER_HOST, which leads its docker elsewhere: \
                   remove that from its variables";
    assert!(outcome.is_success() && log.contains(warning), "{log}");
    Ok(())
}

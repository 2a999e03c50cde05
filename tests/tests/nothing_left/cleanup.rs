//! Cleanup alone, with hardly anything to go by.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use job::Result;
use play::{Cancel, Job, Protocol};
use scenarios::{ByHand, Moment, Scenario, at, runner, settings};
use tempfile::NamedTempFile;

use crate::story::{
    assert_nothing_left, assert_something_left, certificates, job, mount, own_mounts,
};

/// A job that nobody has cleaned up after.
struct Abandoned {
    job: Job,
    /// gitlab-runner's directory of the attempt.
    attempt: PathBuf,
    response: NamedTempFile,
}

impl Abandoned {
    async fn new(scenario: &Scenario) -> Result<Self> {
        let job = job(scenario, &["docker version"]);
        let mut attempt = PathBuf::new();
        let watch = at(Moment::Started("build_script"), |run| attempt.clone_from(&run.dir));
        let mut runner = runner(Protocol::V19);
        runner.cleanup = None;
        let outcome = runner.play(&job, &Cancel::default(), watch).await;
        assert!(outcome.is_success(), "{}", outcome.log_text());
        assert_something_left(&job);
        fs::create_dir(&attempt).unwrap();
        let mut response = NamedTempFile::new().unwrap();
        let id = job.id;
        let url = "https://gitlab.example.com/group/app.git";
        write!(response, r#"{{"id": {id}, "git_info": {{"repo_url": "{url}"}}}}"#).unwrap();
        Ok(Self { job, attempt, response })
    }

    /// Cleanup with these arguments and the job response.
    fn by_response(&self, arguments: &[&str]) -> ByHand {
        ByHand::new(arguments).with_response(self.response.path())
    }
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.attempt));
        drop(ByHand::new(&[]).with_response(self.response.path()).run());
    }
}

#[tokio::test]
async fn goes_by_the_response_and_a_second_one_finds_nothing() -> Result<()> {
    let abandoned = Abandoned::new(&Scenario::new()?).await?;
    for _ in 0..2 {
        assert_eq!(abandoned.by_response(&[]).run()?, (Some(0), String::new()));
        assert_nothing_left(&abandoned.job, "by the response");
    }
    Ok(())
}

#[tokio::test]
async fn does_its_work_before_it_complains_of_settings_and_arguments() -> Result<()> {
    let scenario = Scenario::new()?;
    let broken = settings("[profile.default\n")?;
    let broken = broken.to_string_lossy();
    let rows = [
        (vec!["--settings", &broken], &*broken),
        (vec!["--settings", "/no/such/file"], "/no/such/file"),
        (vec!["--profile", "nobody"], "nobody"),
        (vec!["--nonsense"], "--nonsense"),
    ];
    for (arguments, named) in rows {
        let abandoned = Abandoned::new(&scenario).await?;
        let (code, words) = abandoned.by_response(&arguments).run()?;
        assert_eq!(code, Some(2), "{words}");
        assert!(words.contains(named), "{words}");
        assert_nothing_left(&abandoned.job, &words);
    }
    Ok(())
}

#[tokio::test]
async fn goes_by_the_attempts_directory_when_the_environment_is_lost() -> Result<()> {
    let abandoned = Abandoned::new(&Scenario::new()?).await?;
    assert_eq!(ByHand::new(&[]).from(&abandoned.attempt).run()?, (Some(0), String::new()));
    assert_nothing_left(&abandoned.job, "by the working directory");
    Ok(())
}

#[tokio::test]
async fn goes_by_the_attempts_directory_when_the_response_is_broken() -> Result<()> {
    let scenario = Scenario::new()?;
    for text in ["", "{\"id\": ", "[]", "{}"] {
        let abandoned = Abandoned::new(&scenario).await?;
        let broken = NamedTempFile::new().unwrap();
        fs::write(broken.path(), text).unwrap();
        let cleanup = ByHand::new(&[]).with_response(broken.path());
        let cleanup = cleanup.with("TMPDIR", &abandoned.attempt.to_string_lossy());
        assert_eq!(cleanup.run()?, (Some(0), String::new()));
        assert_nothing_left(&abandoned.job, text);
    }
    Ok(())
}

#[tokio::test]
async fn goes_by_the_jobs_variables_when_nothing_else_is_there() -> Result<()> {
    let abandoned = Abandoned::new(&Scenario::new()?).await?;
    let cleanup = ByHand::new(&[])
        .with("CUSTOM_ENV_CI_JOB_ID", &abandoned.job.id.to_string())
        .with("CUSTOM_ENV_CI_SERVER_HOST", "gitlab.example.com");
    assert_eq!(cleanup.run()?, (Some(0), String::new()));
    assert_nothing_left(&abandoned.job, "by the job's variables");
    Ok(())
}

#[tokio::test]
async fn says_that_it_cannot_tell_which_job() -> Result<()> {
    let abandoned = Abandoned::new(&Scenario::new()?).await?;
    let (code, words) = ByHand::new(&[]).run()?;
    assert_eq!(code, Some(2), "{words}");
    assert!(words.contains("cannot tell which job to clean up after"), "{words}");
    assert!(words.contains("hint: "), "{words}");
    assert_something_left(&abandoned.job);
    Ok(())
}

/// What prepare noted may be gone: everything but a directory of the operator's choice is where it
/// always is.
#[tokio::test]
async fn does_without_what_prepare_noted() -> Result<()> {
    let scenario = Scenario::new()?;
    for record in [None, Some(""), Some("{\"key\": \"gitlab.example.com-1\"}")] {
        let abandoned = Abandoned::new(&scenario).await?;
        let path = certificates(&abandoned.job).with_file_name("job.json");
        match record {
            Some(text) => fs::write(&path, text).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        assert_eq!(abandoned.by_response(&[]).run()?, (Some(0), String::new()));
        assert_nothing_left(&abandoned.job, "without a record");
    }
    Ok(())
}

/// A file that something is mounted on can't be removed.
#[tokio::test]
async fn reports_all_that_it_could_not_do_and_does_the_rest() -> Result<()> {
    let abandoned = Abandoned::new(&Scenario::new()?).await?;
    own_mounts();
    let certificate = certificates(&abandoned.job).join("ca.pem");
    let builds = PathBuf::from("/var/lib/swarm-executor/builds");
    let key = certificate.iter().nth_back(2).unwrap().to_owned();
    let source = builds.join(key).join("source");
    fs::write(&source, "").unwrap();
    for obstacle in [&certificate, &source] {
        let path = obstacle.to_string_lossy();
        mount(&["--bind", &path, &path]);
    }
    let (code, words) = abandoned.by_response(&[]).run()?;
    assert_eq!(code, Some(2), "{words}");
    for told in ["cannot wipe the certificates in", "ca.pem: ", "cannot remove", "/builds/"] {
        assert!(words.contains(told), "{told:?}: {words}");
    }
    assert_eq!(words.matches("ERROR: ").count(), 3, "{words}");
    assert!(!certificate.with_file_name("key.pem").exists(), "{words}");
    for obstacle in [&certificate, &source] {
        assert!(Command::new("umount").arg(obstacle).status().unwrap().success());
    }
    assert_eq!(abandoned.by_response(&[]).run()?, (Some(0), String::new()));
    assert_nothing_left(&abandoned.job, &words);
    Ok(())
}

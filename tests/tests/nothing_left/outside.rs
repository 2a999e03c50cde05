//! Cleanup follows no path that a job lays out of its build directory.

use std::fs;
use std::path::PathBuf;

use job::Result;
use play::{Cancel, Protocol};
use scenarios::{Scenario, runner, settings};
use tempfile::TempDir;

use crate::story::{assert_nothing_left, job, keeping, runner_by};

const NAMES: [&str; 3] = ["ca.pem", "cert.pem", "key.pem"];

/// Somebody else's certificates.
struct Elsewhere(TempDir);

impl Elsewhere {
    fn new() -> Self {
        let elsewhere = Self(tempfile::tempdir().unwrap());
        elsewhere.files().iter().for_each(|file| fs::write(file, "theirs").unwrap());
        elsewhere
    }

    fn path(&self) -> String {
        self.0.path().display().to_string()
    }

    fn files(&self) -> [PathBuf; 3] {
        NAMES.map(|name| self.0.path().join(name))
    }

    #[track_caller]
    fn assert_untouched(&self, way: &str) {
        for file in self.files() {
            assert_eq!(fs::read_to_string(&file).unwrap_or_default(), "theirs", "{way}");
        }
    }
}

/// Scripts that try.
fn ways(elsewhere: &Elsewhere) -> Vec<Vec<String>> {
    let path = elsewhere.path();
    let up = "../".repeat(12);
    let ways = [
        vec![format!("export DOCKER_CERT_PATH={path}")],
        vec![format!("export DOCKER_CERT_PATH={up}{path}")],
        vec![format!("ln -s {path} certs"), "export DOCKER_CERT_PATH=certs".to_owned()],
        vec![
            "mkdir certs".to_owned(),
            format!("ln -s {path}/ca.pem {path}/cert.pem certs"),
            format!("ln {path}/key.pem certs/key.pem"),
            "export DOCKER_CERT_PATH=certs".to_owned(),
        ],
        vec![
            format!("cd / && rm -rf $CI_PROJECT_DIR && ln -s {path} $CI_PROJECT_DIR"),
            "export DOCKER_CERT_PATH=.".to_owned(),
        ],
        vec![format!("cd / && rm -rf $CI_PROJECT_DIR.tmp && ln -s {path} $CI_PROJECT_DIR.tmp")],
    ];
    ways.into()
}

#[tokio::test]
async fn by_its_certificates_directory_or_its_project() -> Result<()> {
    let (scenario, elsewhere) = (Scenario::new()?, Elsewhere::new());
    for script in ways(&elsewhere) {
        let kept = tempfile::tempdir_in("/var/tmp").unwrap();
        let keeps = settings(&keeping(kept.path()))?;
        let script: Vec<_> = script.iter().map(String::as_str).collect();
        for runner in [runner(Protocol::V14_7), runner_by(Protocol::V19, &keeps)] {
            let job = job(&scenario, &script);
            let outcome = runner.play(&job, &Cancel::default(), |_| {}).await;
            assert!(outcome.is_success(), "{}", outcome.log_text());
            elsewhere.assert_untouched(&script.join("; "));
            assert_nothing_left(&job, &script.join("; "));
        }
    }
    Ok(())
}

#[tokio::test]
async fn by_its_whole_build_directory() -> Result<()> {
    let (scenario, elsewhere) = (Scenario::new()?, Elsewhere::new());
    let replace =
        format!("cd / && rm -rf $CI_BUILDS_DIR && ln -s {} $CI_BUILDS_DIR", elsewhere.path());
    let job = job(&scenario, &["export DOCKER_CERT_PATH=$CI_BUILDS_DIR", &replace]);
    let outcome = runner(Protocol::V14_7).play(&job, &Cancel::default(), |_| {}).await;
    assert!(outcome.is_success(), "{}", outcome.log_text());
    elsewhere.assert_untouched(&replace);
    assert_nothing_left(&job, &replace);
    Ok(())
}

/// Two projects share a directory; one names the other's certificates as its own.
#[tokio::test]
async fn by_another_project_beside_it() -> Result<()> {
    let scenario = Scenario::new()?;
    let kept = tempfile::tempdir().unwrap();
    let keeps = settings(&keeping(kept.path()))?;
    let runner = runner_by(Protocol::V19, &keeps);
    let theirs = kept.path().join("theirs/certs");
    fs::create_dir_all(&theirs).unwrap();
    fs::write(theirs.join("key.pem"), "theirs").unwrap();
    for way in [theirs.display().to_string(), "../../../../theirs/certs".to_owned()] {
        let job = job(&scenario, &["true", &format!("export DOCKER_CERT_PATH={way}")]);
        let outcome = runner.play(&job, &Cancel::default(), |_| {}).await;
        assert!(outcome.is_success(), "{}", outcome.log_text());
        assert_eq!(fs::read_to_string(theirs.join("key.pem")).unwrap(), "theirs", "{way}");
    }
    Ok(())
}

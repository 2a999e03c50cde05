//! `swarm-executor try`, the real program beside four stage binaries that are shell scripts.

#![expect(clippy::unwrap_used, reason = "what a test sets up fails by panicking")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

const FILE: &str = "
variables: {GREETING: hello}
deploy:
  only: [main]
  script:
    - echo $GREETING from $CI_JOB_NAME
    - cat file.txt
    - exit ${CODE:-0}
  after_script: [echo after]
wait:
  script: [echo wait''ing, sleep 600]
  after_script: [echo status $CI_JOB_STATUS]
";

const RUN: &str = r#"
while [ "${1#--}" != "$1" ]; do shift 2; done
bash "$1"; code=$?
[ $code -eq 0 ] || echo $code > "$BUILD_EXIT_CODE_FILE"
[ $code -eq 0 ] || exit 1
"#;

/// A directory with the program, its stage binaries, and a project.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(place.path("project")).unwrap();
        fs::write(place.path("project/.gitlab-ci.yml"), FILE).unwrap();
        fs::write(place.path("project/file.txt"), "as it is now\n").unwrap();
        let program = place.path("swarm-executor");
        fs::copy(env!("CARGO_BIN_EXE_swarm-executor"), program).unwrap();
        let dir = place.dir.path().display();
        place.stage(
            "config",
            &format!("echo '{{\"builds_dir\": \"{dir}/builds\", \"cache_dir\": \"{dir}/cache\"}}'"),
        );
        place.stage("prepare", "true");
        place.stage("run", RUN);
        place.stage("cleanup", &format!("echo cleaned >> {dir}/calls"));
        place
    }

    fn stage(&self, stage: &str, body: &str) {
        let path = self.path(&format!("swarm-executor-{stage}"));
        let calls = self.path("calls");
        let text = format!("#!/bin/bash\necho \"{stage} $*\" >> {}\n{body}\n", calls.display());
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.path("calls")).unwrap_or_default()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.path("swarm-executor"));
        command.current_dir(self.path("project")).arg("try").args(args);
        command
    }

    fn run(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let Output { status, stdout, stderr } = self.command(args).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code(), text(stdout), text(stderr))
    }
}

#[test]
fn a_job_is_played_with_the_working_tree_as_its_sources() {
    let (code, log, notes) = Place::new().run(&[".gitlab-ci.yml", "deploy"]);
    assert_eq!(code, Some(0), "{log}{notes}");
    assert!(log.contains("hello from deploy\n") && log.contains("as it is now\n"), "{log}");
    assert!(log.contains("Running after script...\n") && log.ends_with("Job succeeded\n"), "{log}");
    assert!(!log.contains('\x1b'), "{log:?}");
    assert_eq!(notes, "`only` is not acted on by try: the job runs anyway\n");
}

#[test]
fn the_exit_code_says_whose_failure_it_is() {
    let place = Place::new();
    let (code, log, _) = place.run(&[".gitlab-ci.yml", "deploy", "--variable", "CODE=7"]);
    assert_eq!(code, Some(1));
    assert!(log.ends_with("ERROR: Job failed: exit status 7\n"), "{log}");
    place.stage("run", "exit 2");
    assert_eq!(place.run(&[".gitlab-ci.yml", "deploy"]).0, Some(2));
    assert_eq!(place.run(&[".gitlab-ci.yml", "nothing"]).0, Some(1));
    assert_eq!(place.run(&["--no-such-flag"]).0, Some(2));
}

#[test]
fn variables_come_from_the_command_line_files_and_the_environment() {
    let place = Place::new();
    let ci = "job:\n  variables: {A: yaml}\n  script: ['echo A=$A B=$B', 'cat $F', 'echo $S']\n";
    fs::write(place.path("project/.gitlab-ci.yml"), ci).unwrap();
    fs::write(place.path("secret"), "hush-hush-9000\n").unwrap();
    fs::write(place.path("file"), "content of type file\n").unwrap();
    let (secret, file) = (place.path("secret"), place.path("file"));
    let output = place
        .command(&[".gitlab-ci.yml", "job", "--variable", "A=$literal", "--variable", "B"])
        .args(["--variable-file", &format!("S={}", secret.display())])
        .args(["--file", &format!("F={}", file.display())])
        .env("B", "env")
        .output()
        .unwrap();
    let log = String::from_utf8(output.stdout).unwrap();
    assert!(log.contains("A=$literal B=env\n"), "{log}");
    assert!(log.contains("[MASKED]\n") && !log.contains("hush-hush"), "{log}");
    let (code, _, notes) = place.run(&[".gitlab-ci.yml", "job", "--variable", "NOT_SET"]);
    assert_eq!(code, Some(1));
    assert!(notes.contains("--variable NOT_SET: this variable is not set in the environment"));
}

const IN_CONTAINERS: &str = r#"
job:
  image:
    name: registry.example.com/app:$TAG
    entrypoint: ["", "-x"]
    pull_policy: if-not-present
    docker: {user: "1000", platform: linux/arm64}
  variables: {TAG: "7"}
  services:
    - postgres:16
    - name: docker:dind
      alias: docker, engine
      entrypoint: [dockerd]
      command: [--tls=false]
      variables: {A: b}
      pull_policy: [always, never]
  script: [echo]
"#;

#[test]
fn what_a_container_needs_to_know_reaches_the_stages() {
    let place = Place::new();
    fs::write(place.path("project/.gitlab-ci.yml"), IN_CONTAINERS).unwrap();
    place.stage("prepare", &format!("cp $JOB_RESPONSE_FILE {}", place.path("response").display()));
    let (code, log, notes) = place.run(&[".gitlab-ci.yml", "job"]);
    assert_eq!((code, notes.as_str()), (Some(0), ""), "{log}");
    let response = fs::read(place.path("response")).unwrap();
    let response: Value = serde_json::from_slice(&response).unwrap();
    let (image, services) = (&response["image"], &response["services"]);
    assert_eq!(image["name"], "registry.example.com/app:7");
    assert_eq!(image["entrypoint"], json!(["", "-x"]));
    assert_eq!(image["pull_policy"], json!(["if-not-present"]));
    assert_eq!(image["executor_opts"]["docker"]["user"], "1000");
    assert_eq!(image["executor_opts"]["docker"]["platform"], "linux/arm64");
    assert_eq!(services[0]["name"], "postgres:16");
    assert_eq!(services[1]["alias"], "docker engine");
    assert_eq!(services[1]["entrypoint"], json!(["dockerd"]));
    assert_eq!(services[1]["command"], json!(["--tls=false"]));
    assert_eq!(services[1]["pull_policy"], json!(["always", "never"]));
    assert_eq!(services[1]["variables"][0]["value"], "b");
}

#[test]
fn git_strategy_says_what_is_in_the_project_directory() {
    let place = Place::new();
    let ci = "job: {script: ['ls | wc -l']}\n";
    fs::write(place.path("project/.gitlab-ci.yml"), ci).unwrap();
    for (strategy, files) in [("fetch", "1\n"), ("clone", "1\n"), ("none", "0\n"), ("empty", "0\n")]
    {
        let strategy = format!("GIT_STRATEGY={strategy}");
        let (code, log, _) = place.run(&[".gitlab-ci.yml", "job", "--variable", &strategy]);
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains(&format!("$ ls | wc -l\n{files}")), "{strategy}: {log}");
        fs::remove_dir_all(place.path("builds")).unwrap();
    }
    let (code, _, notes) = place.run(&[".gitlab-ci.yml", "job", "--variable", "GIT_STRATEGY=pull"]);
    assert_eq!(code, Some(1));
    assert!(notes.starts_with("error: GIT_STRATEGY is \"pull\"\n  hint: it can be"), "{notes}");
}

#[test]
fn settings_and_profile_reach_every_stage_by_absolute_path() {
    let place = Place::new();
    place.run(&["--settings", "s.toml", "--profile", "production", ".gitlab-ci.yml", "deploy"]);
    let settings = place.path("project/s.toml");
    let expected = format!("--settings {} --profile production", settings.display());
    let calls = place.calls();
    for stage in ["config", "prepare", "run", "cleanup"] {
        assert!(calls.contains(&format!("{stage} {expected}")), "{calls}");
    }
}

#[test]
fn missing_stage_binaries_are_named() {
    let place = Place::new();
    fs::remove_file(place.path("swarm-executor-run")).unwrap();
    let (code, _, notes) = place.run(&[".gitlab-ci.yml", "deploy"]);
    assert_eq!(code, Some(2));
    assert!(notes.contains("swarm-executor-run\n  hint: install all of swarm-executor"), "{notes}");
}

#[test]
fn a_failure_in_the_file_names_the_file() {
    let place = Place::new();
    fs::write(place.path("project/.gitlab-ci.yml"), "job: {script: [x], imgae: y}").unwrap();
    let (code, _, notes) = place.run(&[".gitlab-ci.yml", "job"]);
    assert_eq!(code, Some(1));
    assert_eq!(
        notes,
        "error: .gitlab-ci.yml: line 1, column 27: `imgae` in job `job` is no keyword of GitLab's\n  hint: did you mean `image`?\n"
    );
    let (_, _, notes) = place.run(&["no-such-file.yml", "job"]);
    assert!(notes.starts_with("error: cannot read no-such-file.yml: "), "{notes}");
}

#[test]
fn ctrl_c_cancels_as_gitlab_does_and_still_cleans_up() {
    let place = Place::new();
    let mut child = place
        .command(&[".gitlab-ci.yml", "wait"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stdout.take().unwrap());
    let mut seen = String::new();
    while !seen.contains("waiting\n") {
        assert_ne!(log.read_line(&mut seen).unwrap(), 0, "{seen}");
    }
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    log.read_to_string(&mut seen).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(seen.contains("status canceled\n"), "{seen}");
    assert!(seen.ends_with("ERROR: Job failed: canceled\n"), "{seen}");
    assert!(place.calls().contains("cleaned"));
}

#[test]
fn a_cleanup_that_fails_is_reported_with_its_words() {
    let place = Place::new();
    place.stage("cleanup", "echo cannot remove x >&2; exit 2");
    let (code, log, notes) = place.run(&[".gitlab-ci.yml", "deploy"]);
    assert_eq!(code, Some(0));
    assert!(log.contains("WARNING: Cleanup script failed: exit status 2\n"), "{log}");
    assert!(notes.ends_with("cleanup failed, and said:\ncannot remove x\n"), "{notes}");
}

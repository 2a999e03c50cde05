//! Scripts that fail, scripts that can't be started, and programs that nobody should start.

use std::fs;
use std::path::Path;
use std::process::Command;

use job::Result;
use play::{Cancel, Exec, Status};
use scenarios::{
    Credentials, PROTOCOLS, Scenario, errors, program, runner, runner_with, settings, warnings,
};
use time::Duration;

use crate::row::{NEWEST, assert_told, cannot, deploy, name};

#[tokio::test]
async fn a_script_that_exits_with_3_fails_the_build_with_its_own_code() -> Result<()> {
    let scenario = Scenario::new()?;
    for (protocol, expected) in
        PROTOCOLS.into_iter().zip([Status::BuildFailure, Status::ScriptFailure(3)])
    {
        let job = scenario.job("deploy").script(["exit 3"]);
        let outcome = runner(protocol).play(&job, &Cancel::default(), |_| {}).await;
        assert_eq!(outcome.status, expected, "{protocol:?}");
        assert_told(&job, &outcome, "");
    }
    Ok(())
}

#[tokio::test]
async fn a_script_that_cannot_be_started_is_the_systems() -> Result<()> {
    let scenario = Scenario::new()?;
    let installed = tempfile::tempdir().map_err(cannot)?;
    let run = installed.path().join("swarm-executor-run");
    fs::copy(program("swarm-executor-run"), &run).map_err(cannot)?;
    let mut no_agent = runner(NEWEST);
    no_agent.run = Exec::new(run);
    let mut no_shell = runner(NEWEST);
    no_shell.os_environment = Some(vec![("PATH".into(), "/nowhere:/nor/here".into())]);
    for (runner, told) in [
        (
            no_agent,
            format!(
                "\
cannot start the script: cannot start the agent {}: No such file or directory (os error 2)
  hint: install swarm-executor-agent beside the other programs, all from one release
",
                installed.path().join("swarm-executor-agent").display()
            ),
        ),
        (
            no_shell,
            "\
cannot start the script: there is no shell `bash` on PATH=/nowhere:/nor/here
  hint: look at PATH and the rights that gitlab-runner's user has on this runner machine
"
            .to_owned(),
        ),
    ] {
        let job = deploy(&scenario, &[]);
        let outcome = runner.play(&job, &Cancel::default(), |_| {}).await;
        assert_eq!(outcome.status, Status::SystemFailure);
        assert_told(&job, &outcome, &told);
    }
    Ok(())
}

#[tokio::test]
async fn what_a_job_survives_is_a_warning() -> Result<()> {
    let scenario = Scenario::new()?;
    let nowhere = settings("[diagnostics]\nfile = \"/nowhere/log.json\"\n")?;
    let loud = settings("[diagnostics]\nlevel = \"loud=very\"\n")?;
    let ending = scenario.swarm.authority().client("c").expiring_in(Duration::days(3)).issue()?;
    let ending = Credentials::new(&scenario.credentials.endpoint, ending);
    for (job, arguments, told) in [
        (ending.give(deploy(&scenario, &[])), vec![], "\
DOCKER_MACHINE_CLIENT_CERT holds a certificate that expires on TIME: issue a new one before
"),
        (deploy(&scenario, &[]), vec!["--settings", name(&nowhere)], "\
no diagnostics: `file` /nowhere/log.json of the settings: No such file or directory (os error 2)
"),
        (deploy(&scenario, &[]), vec!["--settings", name(&loud)], "\
no diagnostics: `level` \"loud=very\" of the settings: error parsing level filter: expected one of \"off\", \"error\", \"warn\", \"info\", \"debug\", \"trace\", or a number 0-5
"),
        (scenario.job("deploy").script(["kill -KILL $$"]), vec![], "\
the script was ended by signal 9 (SIGKILL): this runner machine's journal tells whether memory ran out
"),
    ] {
        let outcome = runner_with(NEWEST, &arguments).play(&job, &Cancel::default(), |_| {}).await;
        assert_eq!(without_tmpfs(&warnings(&outcome.log)), told, "{}", outcome.log_text());
        assert_told(&job, &outcome, "");
    }
    Ok(())
}

#[test]
fn a_program_that_was_started_by_hand_says_who_should() -> Result<()> {
    let cut_off = settings("{")?;
    let complete = settings(r#"{"id": 4711}"#)?;
    for (program, arguments, response, told) in [
        ("prepare", &[][..], Path::new(""), "\
JOB_RESPONSE_FILE is not set, so it is unknown which job this is
  hint: let gitlab-runner 14.1 or later start this program, as its custom executor
".to_owned()),
        ("prepare", &[], &cut_off, format!("\
cannot learn which job this is: the job response file {} is not a job response: line 1, column 1 is not as expected
  hint: gitlab-runner writes it whole unless the disk is full: make room where TMPDIR is, then retry the job
", cut_off.display())),
        ("config", &[], Path::new("/nowhere/response.json"), "\
cannot learn which job this is: cannot read the job response file /nowhere/response.json: No such file or directory (os error 2)
  hint: gitlab-runner keeps it in its TMPDIR until cleanup is over: look for what else deletes files there, or for a sudo that starts this program as another user
".to_owned()),
        ("run", &[], &complete, "\
wrong arguments: the following required arguments were not provided: <SCRIPT> <STAGE>
  hint: correct the *_args of [runners.custom] in gitlab-runner's config.toml
".to_owned()),
        ("run", &["/nowhere/script", "build_script"], &complete, "\
cannot read the script /nowhere/script of stage build_script: No such file or directory (os error 2)
  hint: gitlab-runner writes it: let gitlab-runner start this program
".to_owned()),
        ("run", &["/dev/null", "build_script"], &complete, "\
the certificates in /run/swarm-executor/jobs/gitlab-4711/certificates are gone
  hint: run needs a prepare before it, and no cleanup in between: retry the job
".to_owned()),
    ] {
        let mut command = Command::new(self::program(&format!("swarm-executor-{program}")));
        command.args(arguments).env("JOB_RESPONSE_FILE", response);
        let output = command.output().map_err(cannot)?;
        let heard = [output.stdout, output.stderr].concat();
        assert_eq!(errors(&heard), told);
        assert_eq!(output.status.code(), Some(2), "{told}");
    }
    Ok(())
}

/// The warnings without the one that depends on the machine: whether `/run` is in memory.
fn without_tmpfs(warnings: &str) -> String {
    let others = warnings.split_inclusive('\n').filter(|line| !line.contains("not on a tmpfs"));
    others.collect()
}

//! Scripts that can't start, and scripts whose container ends before they do.

use job::Result;
use play::{Cancel, Job, Status};
use scenarios::{Engine, Moment, Scenario, at, errors};

use crate::row::{NEWEST, nothing_is_left, play, warned};

const NO_SHELL: &str = "  hint: name an image for the engine's platform that has bash or sh, and whose \
        working directory its user can enter\n";

const OUT_OF_MEMORY: &str = "\
the script was ended by signal 9 (SIGKILL): its container was out of memory, of which it may have 64m: let the script need less, or the runner's keeper raise `memory`
";

const BY_ITSELF: &str = "\
the script was ended by signal 9 (SIGKILL): by something in its own container, for its memory was enough
";

#[tokio::test]
async fn an_image_without_a_shell_that_runs_is_the_jobs() -> Result<()> {
    let scenario = Scenario::new()?;
    let engine = Engine::of_the_cluster(&scenario, "")?;
    for (image, why) in [
        ("job:noshell", "there is no shell `bash` or `sh` on PATH=/usr/local/bin:/usr/bin:/bin"),
        ("job:foreign", "cannot start the shell `sh`: Exec format error (os error 8)"),
    ] {
        let job = scenario.plain("starts nothing", image).script(["echo the script runs"]);
        let outcome = play(&engine, &job).await?;
        let told = format!("cannot start the script in the job's image: {why}\n{NO_SHELL}");
        assert_eq!(errors(&outcome.log), told, "{}", outcome.log_text());
        assert_eq!(outcome.status, Status::BuildFailure, "{}", outcome.log_text());
    }
    Ok(())
}

#[tokio::test]
async fn a_full_volume_is_told_by_the_script_itself() -> Result<()> {
    let scenario = Scenario::new()?;
    let engine = Engine::of_the_cluster(&scenario, "tmpfs = { \"/small\" = \"size=1m\" }")?;
    let job = scenario
        .plain("fills", "job:bash")
        .script(["dd if=/dev/zero of=/small/it bs=64k count=32"]);
    let outcome = play(&engine, &job).await?;
    assert_eq!(outcome.status, Status::ScriptFailure(1), "{}", outcome.log_text());
    assert!(outcome.log_text().contains("No space left on device"), "{}", outcome.log_text());
    assert_eq!(errors(&outcome.log), "");
    Ok(())
}

#[tokio::test]
async fn who_has_killed_a_script_is_told() -> Result<()> {
    let scenario = Scenario::new()?;
    let engine = Engine::of_the_cluster(&scenario, "memory = \"64m\"\nmemory_swap = \"64m\"")?;
    let killed = |script: &str| scenario.plain("is killed", "job:sh").script([script]);
    for (script, told) in [
        ("x=$(head -c 200000000 /dev/zero | tr '\\0' x)", OUT_OF_MEMORY),
        ("tail -c 200000000 /dev/zero", OUT_OF_MEMORY),
        ("kill -9 $$", BY_ITSELF),
        ("sh -c 'kill -9 $$'", BY_ITSELF),
    ] {
        let job = killed(script);
        let outcome = play(&engine, &job).await?;
        assert_eq!(outcome.status, Status::ScriptFailure(137), "{}", outcome.log_text());
        assert_eq!(warned(&outcome), told, "{}", outcome.log_text());
    }
    Ok(())
}

#[tokio::test]
async fn a_container_that_somebody_removes_is_the_systems() -> Result<()> {
    let scenario = Scenario::new()?;
    let engine = Engine::of_the_cluster(&scenario, "")?;
    for how in [&["rm", "--force"][..], &["kill"]] {
        let job: Job =
            scenario.plain("loses its place", "job:sh").script(["echo stan''ding by", "sleep 600"]);
        let name = format!("swarm-executor-gitlab.example.com-{}-build", job.id);
        let removing = at(Moment::Said("standing by"), |_| {
            let mut docker = engine.node.docker_command().into_std();
            let _ = docker.args(how).arg(&name).output();
        });
        let outcome = engine.runner(NEWEST).play(&job, &Cancel::default(), removing).await;
        assert_eq!(outcome.status, Status::SystemFailure, "{}", outcome.log_text());
        let told = errors(&outcome.log);
        let (what, hint) = told.split_once('\n').unwrap_or_default();
        // A container that is about to be removed has ended already.
        let removed = what.starts_with("the job's container was removed while its script ran: ");
        let ended = what.starts_with("the job's container has ended with exit code 137: ");
        assert!(removed || ended, "{told}");
        assert_eq!(
            hint,
            "  hint: somebody removed it, or its engine was restarted: retry the job\n"
        );
        nothing_is_left(&engine, &job, &outcome).await?;
    }
    Ok(())
}

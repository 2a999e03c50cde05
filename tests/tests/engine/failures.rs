//! Profiles and engines that containers can't be made on: one clear message each, the operator's to
//! mend, and nothing left.

use std::path::Path;

use job::{Blame, Failure, Result};
use play::{Exec, Job};
use scenarios::{Engine, Scenario, program};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::task::AbortOnDropHandle;

use crate::row::{NEWEST, assert_failed, fails, nothing_is_left};

const BUILD_STATIC: &str = "  hint: build it with `cargo rustc -p agent --bin \
    swarm-executor-agent --release -- -C target-feature=+crt-static`, or take it from a release\n";

const INSTALL: &str =
    "  hint: install swarm-executor-agent beside the other swarm-executor programs\n";

fn job(scenario: &Scenario) -> Job {
    scenario.plain("never runs", "job:sh").script(["echo the script runs"])
}

#[tokio::test]
async fn what_a_profile_asks_of_an_engine_in_vain_is_told() -> Result<()> {
    let scenario = Scenario::new()?;
    let cpus = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    for (setting, told) in [
        ("runtime = \"runsc\"", "\
the build container of image job:sh can't be started: the engine doesn't have its runtime: Unknown runtime specified runsc
  hint: check `runtime` in the profile, and the engine's daemon.json
"),
        ("devices = [\"/dev/nosuch\"]", "\
the build container of image job:sh can't be started: the engine's machine doesn't have a device of it: error gathering device information while adding custom device \"/dev/nosuch\": no such file or directory
  hint: check `devices` in the profile
"),
        ("cpus = 4096", "\
the build container of image job:sh can't be started: the engine can't set its limits: Range of CPUs is from 0.01 to {cpus}.00, as there are only {cpus} CPUs available
  hint: check the limits in the profile, such as `cpus` and `memory`, and what the engine's machine has
"),
        ("cap_add = [\"FLYING\"]", "\
the build container of image job:sh can't be started: the engine doesn't take its security options: invalid CapAdd: unknown capability: \"CAP_FLYING\"
  hint: check `security_opt`, `cap_add` and `cap_drop` in the profile
"),
        ("tmpfs = { \"/x\" = \"upside-down\" }", "\
the build container of image job:sh can't be started: the engine can't mount all of its volumes: invalid tmpfs option [\"upside-down\"]
  hint: check `volumes` and `tmpfs` in the profile
"),
        ("user = \"nosuch\"", "\
the build container of image job:sh can't be started: the image doesn't know its user or group: unable to find user nosuch: no matching entries in passwd file
  hint: check `user` in the profile
"),
    ] {
        let engine = Engine::of_the_cluster(&scenario, setting)?;
        let told = told.replace("{cpus}", &cpus);
        fails(&engine, &job(&scenario), Blame::System, told).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_engine_that_does_not_answer_is_told() -> Result<()> {
    let scenario = Scenario::new()?;
    let nowhere = scenario.swarm.refusing_endpoint();
    for (endpoint, told) in [
        (nowhere.as_str(), "\
cannot reach the engine at ADDRESS: it refuses connections
  hint: check that the engine there runs with `-H tcp://0.0.0.0:2376 --tlsverify`, or correct SETTING
"),
        ("unix:///nowhere/docker.sock", "\
cannot reach the engine at ADDRESS: there is no such socket
  hint: start the engine of this machine (`systemctl start docker`), or correct SETTING
"),
        ("tcp://engine.invalid:2376", "\
cannot reach the engine at ADDRESS: the name has no address
  hint: check the name service of this runner machine, or correct SETTING
"),
    ] {
        let engine = Engine::elsewhere(&scenario, endpoint)?;
        let told = told.replace("ADDRESS", endpoint).replace("SETTING", &endpoint_of(&engine));
        fails(&engine, &job(&scenario), Blame::System, told).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_engine_that_is_too_old_is_told() -> Result<()> {
    let scenario = Scenario::new()?;
    let played = PlayedEngine::of_api("1.40")?;
    let engine = Engine::elsewhere(&scenario, &played.endpoint())?;
    let told = format!(
        "\
the engine at {} is too old: old is Docker Engine 19.03.15 with API 1.40, and API 1.41 is needed
  hint: upgrade it to Docker Engine 20.10 or newer, or correct {}
",
        played.endpoint(),
        endpoint_of(&engine)
    );
    fails(&engine, &job(&scenario), Blame::System, told).await.map(drop)
}

/// How the setting of the engine's address is called.
fn endpoint_of(engine: &Engine) -> String {
    format!("endpoint of [profile.default.engine] in {}", engine.settings().display())
}

#[tokio::test]
async fn an_agent_that_is_no_use_in_containers_is_told() -> Result<()> {
    let scenario = Scenario::new()?;
    let engine = Engine::of_the_cluster(&scenario, "")?;
    let cannot = |error| Failure::system("cannot set up the test").caused_by(error);
    let beside = program("");
    let directory = TempDir::new_in(&beside).map_err(cannot)?;
    let prepare = directory.path().join("swarm-executor-prepare");
    let agent = directory.path().join("swarm-executor-agent");
    std::fs::hard_link(program("swarm-executor-prepare"), &prepare).map_err(cannot)?;
    let own = std::env::current_exe().map_err(cannot)?;
    for (program, what, remedy) in [
        (None, "cannot read the agent AGENT: No such file or directory (os error 2)", INSTALL),
        (
            Some(own.as_path()),
            "the agent AGENT is linked dynamically; containers need the static build",
            BUILD_STATIC,
        ),
        (Some(Path::new("/etc/passwd")), "the agent AGENT is no program", BUILD_STATIC),
    ] {
        if let Some(program) = program {
            std::fs::copy(program, &agent).map_err(cannot)?;
        }
        let mut runner = engine.runner(NEWEST);
        let settings = engine.settings().to_string_lossy().into_owned();
        runner.prepare = Some(Exec::new(&prepare).args(["--settings", settings.as_str()]));
        let job = job(&scenario);
        let outcome = runner.play(&job, &play::Cancel::default(), |_| {}).await;
        let what = what.replace("AGENT", &agent.to_string_lossy());
        assert_failed(&outcome, Blame::System, &format!("{what}\n{remedy}"));
        nothing_is_left(&engine, &job, &outcome).await?;
    }
    Ok(())
}

/// An engine of another version, as far as the first question goes.
struct PlayedEngine {
    directory: TempDir,
    _server: AbortOnDropHandle<()>,
}

impl PlayedEngine {
    fn of_api(version: &'static str) -> Result<Self> {
        let cannot = |error| Failure::system("cannot play an engine").caused_by(error);
        let directory = TempDir::with_prefix("engine-").map_err(cannot)?;
        let listener = UnixListener::bind(directory.path().join("docker.sock")).map_err(cannot)?;
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, version));
            }
        });
        Ok(Self { directory, _server: AbortOnDropHandle::new(server) })
    }

    fn endpoint(&self) -> String {
        format!("unix://{}", self.directory.path().join("docker.sock").display())
    }
}

async fn answer(mut stream: UnixStream, version: &str) {
    const INFO: &str =
        r#"{"Name":"old","ServerVersion":"19.03.15","OSType":"linux","Architecture":"x86_64"}"#;
    let mut request = [0; 4096];
    // A client that hangs up early wants no answer.
    let read = stream.read(&mut request).await.unwrap_or_default();
    if request[..read].starts_with(b"GET /info ") {
        let length = INFO.len();
        let head = format!("HTTP/1.1 200 OK\r\nApi-Version: {version}\r\nContent-Length: {length}");
        let _ = stream.write_all(format!("{head}\r\n\r\n{INFO}").as_bytes()).await;
    } else {
        // What else is asked meanwhile stays unanswered.
        let _ = stream.read(&mut request).await;
    }
}

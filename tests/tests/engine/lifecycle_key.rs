//! Where the bytes of keys are: the runner machine's own on no engine, a job's own nowhere after it.
//!
//! The engines keep their state on this machine's disk, in `/var/tmp`: container configurations,
//! volumes and the files of containers are all seen by the search.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use job::{Failure, Result};
use play::{Cancel, Protocol, Variable};
use scenarios::{Engine, Moment, Scenario, at};
use tempfile::TempDir;
use testkit::pki::Identity;
use testkit::search::SecretKey;

use crate::project::play_watched;

/// Longest that two clocks of one machine differ.
const TICK: Duration = Duration::from_secs(1);

/// The settings by which credentials of the runner machine lead to the cluster, too.
fn credentials_of_the_machine(scenario: &Scenario) -> Result<(TempDir, Identity, String)> {
    let directory = TempDir::with_prefix("credentials-").map_err(|error| {
        Failure::system("cannot make a directory for credentials").caused_by(error)
    })?;
    let identity = scenario.swarm.client()?;
    identity.write_to(directory.path())?;
    let more = format!(
        "[profile.default.cluster]\nendpoint = \"{}\"\n\
         [profile.default.credentials]\ndirectory = \"{}\"",
        scenario.swarm.manager().endpoint(),
        directory.path().display()
    );
    Ok((directory, identity, more))
}

/// Those that aren't below any of these directories.
fn outside<'a>(found: &'a [PathBuf], places: &[&Path]) -> Vec<&'a Path> {
    let is_inside = |path: &Path| places.iter().any(|place| path.starts_with(place));
    found.iter().map(PathBuf::as_path).filter(|path| !is_inside(path)).collect()
}

#[tokio::test]
async fn of_the_runner_machine_never_leaves_it_and_of_a_job_is_gone_with_it() -> Result<()> {
    let scenario = Scenario::new()?;
    let before = SystemTime::now() - TICK;
    let (directory, machines, more) = credentials_of_the_machine(&scenario)?;
    let engine = Engine::of_the_cluster(&scenario, &more)?;
    let (machines, jobs) = (SecretKey::of(&machines.key)?, scenario.swarm.client()?);
    let deploy = SecretKey::of(&jobs.key)?;
    let mut job = scenario.plain("keys", "docker:19.03.0").script([
        "cp $DEPLOY_KEY copy && docker node ls -q | wc -l",
        "echo bu''sy",
        "sleep 1000",
    ]);
    // The project brings no credentials for the cluster.
    job.variables = vec![Variable::file("DEPLOY_KEY", &jobs.key)];
    let cancel = Cancel::default();
    let (mut of_machine, mut of_job) = (Vec::new(), Vec::new());
    let watch = at(Moment::Said("busy"), |_| {
        of_machine = machines.holders(before);
        of_job = deploy.holders(before);
        cancel.cancel();
    });
    let outcome = play_watched(&engine, Protocol::V19, &job, &cancel, watch).await?;
    let log = outcome.log_text();
    assert!(log.contains("\n3\n"), "{log}");
    let own = [directory.path(), Path::new("/run/swarm-executor/jobs")];
    assert_eq!(of_machine.len(), 2, "{of_machine:?}");
    assert_eq!(outside(&of_machine, &own), [""; 0].map(Path::new), "{log}");
    let copies =
        of_job.iter().filter(|path| path.ends_with("copy") || path.ends_with("DEPLOY_KEY"));
    assert!(copies.count() >= 2, "the search sees no engine: {of_job:?}");
    assert_eq!(machines.holders(before), [directory.path().join("key.pem")], "{log}");
    assert_eq!(deploy.holders(before), [""; 0].map(Path::new), "{log}");
    Ok(())
}

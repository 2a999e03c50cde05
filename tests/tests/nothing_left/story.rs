//! What these scenarios are told with: the article's job in ways to end, and the ends.

use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sched::{CloneFlags, unshare};
use play::{Job, Protocol, Runner, Sources};
use scenarios::{ARTICLE, Left, Scenario, left_by, runner_with};

/// Said by a script that is in the middle of its work.
pub(crate) const BUSY: &str = "busy";

/// How a script says so.
pub(crate) const SAY_BUSY: &str = "echo bu''sy";

/// Settings with which a cancelled script's processes don't get long.
pub(crate) const HASTY: &str = "[profile.default]\nstop_grace = \"1s\"\n";

/// Settings with which a build directory below `builds` outlives its job.
pub(crate) fn keeping(builds: &Path) -> String {
    format!(
        "[profile.default]\nkeep_build_dir = true\nbuilds_dir = \"{0}\"\ncache_dir = \"{0}\"\n",
        builds.display()
    )
}

/// The article's script with `last` instead of its deploy, and nothing after it.
pub(crate) fn article(last: &[&'static str]) -> Vec<&'static str> {
    [&ARTICLE[..7], last].concat()
}

/// Every kind of process that a script can leave to itself; at last it sleeps.
pub(crate) const PROCESSES: [&str; 7] = [
    "sleep 1000 &",
    "setsid sleep 1000 &",
    "(setsid bash -c 'sleep 1000 & sleep 1000' > /dev/null 2>&1 < /dev/null &)",
    r#"setsid bash -c "trap '' TERM; touch deaf; while :; do sleep 1; done" > /dev/null 2>&1 &"#,
    "until [ -e deaf ]; do sleep 0.02; done",
    SAY_BUSY,
    "sleep 1000",
];

/// A job that takes no time to fetch.
pub(crate) fn job(scenario: &Scenario, script: &[&str]) -> Job {
    scenario.job("deploy").sources(Sources::None).script(script.iter().copied())
}

/// A runner whose settings file is this one.
pub(crate) fn runner_by(protocol: Protocol, settings: &Path) -> Runner {
    runner_with(protocol, &["--settings", &settings.to_string_lossy()])
}

/// Nothing of the job is on this machine.
#[track_caller]
pub(crate) fn assert_nothing_left(job: &Job, told: &str) {
    assert_eq!(left_by(job), Left::default(), "{told}");
}

/// Something of the job is there to be cleaned up.
#[track_caller]
pub(crate) fn assert_something_left(job: &Job) {
    assert!(!left_by(job).directories.is_empty(), "there is nothing to clean up");
}

/// From here on mounts are this test's own: this thread and what it starts see them, nobody else.
pub(crate) fn own_mounts() {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    mount(&["--make-rprivate", "/"]);
}

/// Calls `mount`.
pub(crate) fn mount(arguments: &[&str]) {
    assert!(Command::new("mount").args(arguments).status().unwrap().success(), "{arguments:?}");
}

/// The certificates directory of a job while there is one.
pub(crate) fn certificates(job: &Job) -> PathBuf {
    let state = left_by(job).directories.into_iter().find(|path| path.starts_with("/run"));
    state.unwrap_or_default().join("certificates")
}

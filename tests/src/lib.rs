//! Whole jobs on a real swarm: what the scenarios in `tests/` are told with.
//!
//! A scenario is a project with its variables, a job of it, and the runner that plays it through
//! the four real programs. What is checked is what a person could see: the job log, exit codes,
//! the swarm, and what is left on the machine. Nothing here knows the driver from inside.

mod by_hand;
mod engine;
mod machine;
mod moments;
mod project;
pub mod rollouts;
mod told;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use job::{Failure, Result};
use play::{Exec, Job, Protocol, Runner};
use tempfile::{NamedTempFile, TempPath};
use testkit::coordinator::Coordinator;
use testkit::images::WHOAMI_PORT;
use testkit::nodes::{Node, SwarmHandle};
use testkit::wait::{Seen, until};

pub use by_hand::ByHand;
pub use engine::{Engine, HELPER, privileged};
pub use machine::{Left, left_by, left_by_id};
pub use moments::{Moment, at};
pub use project::{ARTICLE, Credentials, Repository, SHORT, Served, example};
pub use told::{errors, unfit, warnings};

/// Both ends of the range of gitlab-runner versions.
pub const PROTOCOLS: [Protocol; 2] = [Protocol::V14_7, Protocol::V19];

/// The swarm that `cargo xtask test` started, as a scenario uses it.
#[derive(Debug)]
pub struct Scenario {
    /// The swarm.
    pub swarm: SwarmHandle,
    /// The project's variables: credentials that the swarm accepts.
    pub credentials: Credentials,
}

impl Scenario {
    /// Attaches to the swarm.
    ///
    /// # Errors
    /// There is none: the scenarios are run by `cargo xtask test`.
    pub fn new() -> Result<Self> {
        let swarm = SwarmHandle::attach_from_env()?;
        let credentials = Credentials::new(&swarm.manager().endpoint(), swarm.client()?);
        Ok(Self { swarm, credentials })
    }

    /// A job of the example project with the project's variables, and an id of its own.
    pub fn job(&self, name: &str) -> Job {
        self.credentials.give(project::job(name))
    }

    /// A job of an image with the project's variables, and nothing beside it: no sources, no services.
    pub fn plain(&self, name: &str, image: &str) -> Job {
        let mut job = Job::new(name).image(image);
        job.id = project::next_id();
        self.credentials.give(job)
    }

    /// An engine in no swarm.
    ///
    /// # Errors
    /// There is none: the scenarios are run by `cargo xtask test`.
    pub fn lone_engine(&self) -> Result<&Node> {
        let mut engines = self.swarm.lone_engines();
        engines.next().ok_or_else(|| Failure::system("there is no engine outside the swarm"))
    }

    /// A GitLab that the containers of every engine reach. A job that it took, by
    /// [`Coordinator::submit`], is played as [`JobHandle::spec`] has it.
    ///
    /// [`JobHandle::spec`]: testkit::coordinator::JobHandle::spec
    ///
    /// # Errors
    /// There is no free port.
    pub async fn gitlab(&self) -> Result<Coordinator> {
        Coordinator::start_at(self.swarm.runner_address()).await
    }

    /// Waits until so many tasks of the service answer.
    ///
    /// # Errors
    /// They don't within a minute.
    pub async fn answers(&self, service: &str, count: usize) -> Result<()> {
        let what = format!("{count} answers of {service}");
        until(&what, Duration::from_mins(1), async || {
            match self.swarm.ask(service, WHOAMI_PORT).await {
                Ok(answers) if answers.len() == count => Seen::Ready(()),
                Ok(answers) => Seen::NotYet(format!("{answers:?}")),
                Err(failure) => Seen::NotYet(failure.render()),
            }
        })
        .await
    }
}

/// A runner as a newcomer registers it: the four programs, no settings file, no profile.
pub fn runner(protocol: Protocol) -> Runner {
    runner_with(protocol, &[])
}

/// A runner whose programs get these arguments.
pub fn runner_with(protocol: Protocol, arguments: &[&str]) -> Runner {
    let stage = |name: &str| {
        Exec::new(program(&format!("swarm-executor-{name}"))).args(arguments.iter().copied())
    };
    let mut runner = Runner::new(stage("run"))
        .config(stage("config"))
        .prepare(stage("prepare"))
        .cleanup(stage("cleanup"));
    runner.protocol = protocol;
    runner.retry_interval = Duration::from_millis(50);
    runner
}

/// A settings file with this text.
///
/// # Errors
/// There is no room for it.
pub fn settings(text: &str) -> Result<TempPath> {
    let written = NamedTempFile::new().and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        Ok(file.into_temp_path())
    });
    written.map_err(|error| Failure::system("cannot write a settings file").caused_by(error))
}

/// One of this repository's programs, built beside the tests.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap_or_default();
    test.ancestors().nth(2).unwrap_or(Path::new("/")).join(name)
}

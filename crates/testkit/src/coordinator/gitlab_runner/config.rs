//! The custom executor to use, and the `config.toml` that says so
//! (<https://docs.gitlab.com/runner/configuration/advanced-configuration/>).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use job::{Failure, Result};
use serde::Serialize;

use crate::coordinator::Coordinator;

/// The programs that gitlab-runner is to call as a custom executor.
#[derive(Clone, Debug)]
pub struct Executor {
    /// `config_exec`.
    pub config: PathBuf,
    /// `prepare_exec`.
    pub prepare: PathBuf,
    /// `run_exec`.
    pub run: PathBuf,
    /// `cleanup_exec`.
    pub cleanup: PathBuf,
    /// What each of them gets on its command line, before anything of gitlab-runner's.
    pub arguments: Vec<String>,
    /// Time between SIGTERM and SIGKILL, in whole seconds.
    pub graceful_kill_timeout: Duration,
    /// Added to the environment of gitlab-runner, and so of the four.
    pub environment: BTreeMap<String, String>,
}

impl Executor {
    /// The four programs, without arguments, with half a minute between SIGTERM and SIGKILL.
    pub fn new(
        config: impl Into<PathBuf>,
        prepare: impl Into<PathBuf>,
        run: impl Into<PathBuf>,
        cleanup: impl Into<PathBuf>,
    ) -> Self {
        Self {
            config: config.into(),
            prepare: prepare.into(),
            run: run.into(),
            cleanup: cleanup.into(),
            arguments: Vec::new(),
            graceful_kill_timeout: Duration::from_secs(30),
            environment: BTreeMap::new(),
        }
    }

    /// Adds arguments, such as `--settings` and a file.
    #[must_use]
    pub fn arguments<S: Into<String>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Adds a variable to the environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }
}

#[derive(Serialize)]
struct Config {
    concurrent: u32,
    check_interval: u32,
    runners: [RunnerConfig; 1],
}

#[derive(Serialize)]
struct RunnerConfig {
    name: &'static str,
    url: String,
    token: String,
    executor: &'static str,
    shell: &'static str,
    custom: CustomConfig,
}

#[derive(Serialize)]
struct CustomConfig {
    config_exec: PathBuf,
    config_args: Vec<String>,
    prepare_exec: PathBuf,
    prepare_args: Vec<String>,
    run_exec: PathBuf,
    run_args: Vec<String>,
    cleanup_exec: PathBuf,
    cleanup_args: Vec<String>,
    graceful_kill_timeout: u64,
}

/// Writes gitlab-runner's own settings; leaves `builds_dir` and `cache_dir` to `config_exec`.
pub(super) fn toml(coordinator: &Coordinator, executor: &Executor) -> Result<String> {
    let arguments = || executor.arguments.clone();
    let config = Config {
        concurrent: 4,
        check_interval: 1,
        runners: [RunnerConfig {
            name: "played",
            url: coordinator.url(),
            token: coordinator.token().to_owned(),
            executor: "custom",
            shell: "bash",
            custom: CustomConfig {
                config_exec: executor.config.clone(),
                config_args: arguments(),
                prepare_exec: executor.prepare.clone(),
                prepare_args: arguments(),
                run_exec: executor.run.clone(),
                run_args: arguments(),
                cleanup_exec: executor.cleanup.clone(),
                cleanup_args: arguments(),
                graceful_kill_timeout: executor.graceful_kill_timeout.as_secs(),
            },
        }],
    };
    ::toml::to_string(&config)
        .map_err(|error| Failure::system("cannot write config.toml").caused_by(error))
}

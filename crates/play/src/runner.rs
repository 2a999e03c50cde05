//! A runner's configuration: one `[[runners]]` entry of gitlab-runner's `config.toml`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::player::Player;
use crate::{Cancel, Event, Job, Outcome, Protocol, Variable};

/// One of the driver's executables, with the arguments that always precede the stage's own.
#[derive(Clone, Debug)]
pub struct Exec {
    pub(crate) path: PathBuf,
    pub(crate) args: Vec<OsString>,
}

impl Exec {
    /// The executable at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), args: Vec::new() }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }
}

/// The shell that scripts are written for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shell {
    /// GNU bash.
    #[default]
    Bash,
    /// A POSIX shell. Without the job variable `FF_POSIXLY_CORRECT_ESCAPES` it must know `$'…'`,
    /// which busybox does and dash does not.
    Sh,
}

impl Shell {
    /// The name in the script's first line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Sh => "sh",
        }
    }
}

/// The codes by which a driver says who failed.
#[derive(Clone, Copy, Debug)]
pub struct ExitCodes {
    /// `BUILD_FAILURE_EXIT_CODE`; 1 in real life.
    pub build: i32,
    /// `SYSTEM_FAILURE_EXIT_CODE`; 2 in real life.
    pub system: i32,
}

/// A runner with the custom executor. The defaults are gitlab-runner's, unless a field says so.
#[derive(Clone, Debug)]
pub struct Runner {
    /// Which gitlab-runner it is.
    pub protocol: Protocol,
    /// `config_exec`; optional.
    pub config: Option<Exec>,
    /// `prepare_exec`; optional.
    pub prepare: Option<Exec>,
    /// `run_exec`.
    pub run: Exec,
    /// `cleanup_exec`; optional.
    pub cleanup: Option<Exec>,
    /// GitLab's number of the runner.
    pub id: u64,
    /// The runner's description.
    pub name: String,
    /// The runner's authentication token; its first characters become directory names.
    pub token: String,
    /// `builds_dir`, unless config gives one.
    pub builds_dir: Option<PathBuf>,
    /// `cache_dir`, unless config gives one.
    pub cache_dir: Option<PathBuf>,
    /// `shell`, unless config gives one.
    pub shell: Shell,
    /// `environment`: variables below the job's own.
    pub environment: Vec<Variable>,
    /// Which of this runner's concurrent jobs it is.
    pub concurrent_id: u32,
    /// Which of this runner's concurrent jobs of this project it is.
    pub concurrent_project_id: u32,
    /// Replaces the environment that gitlab-runner itself would have been started with.
    pub os_environment: Option<Vec<(OsString, OsString)>>,
    /// Where temporary directories are made; `TMPDIR` or `/tmp` where not given.
    pub temp_dir: Option<PathBuf>,
    /// Between two attempts to prepare; 3 s.
    pub retry_interval: Duration,
    /// `graceful_kill_timeout`, from SIGTERM to SIGKILL; 10 min.
    pub graceful_kill_timeout: Duration,
    /// `force_kill_timeout`, from SIGKILL to giving up; 10 s.
    pub force_kill_timeout: Duration,
    /// How long a build that was ended may take before cleanup starts beside it; 5 min.
    pub build_finish_timeout: Duration,
    /// `config_exec_timeout`, `prepare_exec_timeout` and `cleanup_exec_timeout`; 1 h.
    pub exec_timeout: Duration,
    /// What the driver is told to exit with.
    pub exit_codes: ExitCodes,
}

impl Runner {
    /// A runner with nothing but `run_exec`.
    pub fn new(run: Exec) -> Self {
        Self {
            protocol: Protocol::default(),
            config: None,
            prepare: None,
            run,
            cleanup: None,
            id: 9,
            name: "played".to_owned(),
            token: "pl4yed-token".to_owned(),
            builds_dir: None,
            cache_dir: None,
            shell: Shell::default(),
            environment: Vec::new(),
            concurrent_id: 0,
            concurrent_project_id: 0,
            os_environment: None,
            temp_dir: None,
            retry_interval: Duration::from_secs(3),
            graceful_kill_timeout: Duration::from_mins(10),
            force_kill_timeout: Duration::from_secs(10),
            build_finish_timeout: Duration::from_mins(5),
            exec_timeout: Duration::from_hours(1),
            exit_codes: ExitCodes { build: 1, system: 2 },
        }
    }

    /// Sets `config_exec`.
    #[must_use]
    pub fn config(mut self, exec: Exec) -> Self {
        self.config = Some(exec);
        self
    }

    /// Sets `prepare_exec`.
    #[must_use]
    pub fn prepare(mut self, exec: Exec) -> Self {
        self.prepare = Some(exec);
        self
    }

    /// Sets `cleanup_exec`.
    #[must_use]
    pub fn cleanup(mut self, exec: Exec) -> Self {
        self.cleanup = Some(exec);
        self
    }

    /// Plays one job from start to end, telling `watcher` what happens as it happens.
    ///
    /// Dropping the future is the runner's sudden death: processes run on, and the temporary
    /// directory with the job response stays behind.
    pub async fn play(
        &self,
        job: &Job,
        cancel: &Cancel,
        watcher: impl FnMut(Event) + Send,
    ) -> Outcome {
        Player::new(self, job, cancel, watcher).play().await
    }

    /// Runs cleanup and nothing else, as after a config that failed: no `job_env`, no places.
    pub async fn clean_up(&self, job: &Job, watcher: impl FnMut(Event) + Send) -> Outcome {
        Player::new(self, job, &Cancel::default(), watcher).only_clean_up().await
    }

    /// What directories are named after. Tokens with a prefix such as `glrt-` lose it.
    pub(crate) fn short_token(&self) -> String {
        let token = self.token.strip_prefix("glrt-").unwrap_or(&self.token);
        token.chars().take(9).collect()
    }
}

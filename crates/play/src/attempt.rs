//! One executor, as gitlab-runner makes a new one for every attempt to prepare: its temporary
//! directory, what config told it, and the processes that it starts.
//!
//! The model is `executors/custom/custom.go` and `command/command.go`.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::cancel::Scope;
use crate::config::Config;
use crate::environment::{self, Place};
use crate::outcome::{Event, JobError, Process, StageRecord, Status};
use crate::output::{Output, Sink};
use crate::player::Player;
use crate::process::Invocation;
use crate::response;
use crate::runner::Exec;
use crate::script::Scripts;
use crate::tree::Packing;
use crate::{Exit, Sources, Variables};

/// One executor.
pub(crate) struct Attempt<'p, 'a> {
    player: &'p Player<'a>,
    number: u32,
    dir: PathBuf,
    config: Config,
    place: Place,
    variables: Mutex<Variables>,
}

/// One of the driver's executables, to be started for a stage.
struct Call<'e> {
    stage: &'e str,
    exec: &'e Exec,
    script: Option<PathBuf>,
    output: Output<'e>,
}

impl<'p, 'a> Attempt<'p, 'a> {
    /// Makes the temporary directory and writes the job response into it.
    pub(crate) fn new(player: &'p Player<'a>, number: u32) -> io::Result<Self> {
        let place = Place::default();
        let variables = Mutex::new(environment::all(player.runner, player.job, &place));
        let dir = make_temp_dir("custom-executor", player.runner.temp_dir.as_deref())?;
        let attempt = Self { player, number, dir, config: Config::default(), place, variables };
        attempt.write_response()?;
        Ok(attempt)
    }

    /// Runs config and prepare.
    pub(crate) async fn prepare(&mut self, scope: &Scope) -> Result<(), JobError> {
        let (runner, log) = (self.player.runner, &self.player.log);
        if let Some(config) = &runner.config {
            self.config = self.ask(config, scope).await?;
        }
        log.plain(self.config.startup_message());
        self.find_place()?;
        match &runner.prepare {
            Some(exec) => {
                let scope = scope.within(runner.exec_timeout);
                let call = Call { stage: "prepare", exec, script: None, output: Output::Job };
                self.execute(call, &scope).await
            }
            None => Ok(()),
        }
    }

    /// Runs one stage's script, unless it has nothing to do.
    pub(crate) async fn run(&self, stage: &str, scope: &Scope) -> Result<(), JobError> {
        if let Some(end) = scope.end() {
            return Err(JobError::ended(end, self.player.job.timeout));
        }
        let (log, heading) = (&self.player.log, heading(stage));
        if let (Sources::WorkingTree(tree), "get_sources") = (&self.player.job.sources, stage) {
            return log.section(stage, heading, self.carry(tree, scope)).await;
        }
        let Some(script) = self.write(|scripts| scripts.of(stage)) else {
            return Ok(());
        };
        log.section(stage, heading, self.run_script(stage, &script, scope)).await
    }

    /// Sets what `CI_JOB_STATUS` says from here on.
    pub(crate) fn set_status(&self, status: &str) {
        let mut variables = self.variables.lock().unwrap_or_else(PoisonError::into_inner);
        variables.overwrite("CI_JOB_STATUS", status);
    }

    /// How often a stage is tried, by the variable that says so.
    pub(crate) fn attempts(&self, variable: &str) -> u32 {
        let variables = self.variables();
        let wanted = variables.value(variable).and_then(|value| value.parse().ok());
        wanted.unwrap_or(1).clamp(1, 10)
    }

    /// Runs cleanup and removes the temporary directory. Nothing that fails here fails the job.
    pub(crate) async fn clean_up(&self) {
        let (runner, log) = (self.player.runner, &self.player.log);
        if let Some(exec) = &runner.cleanup {
            let scope = Scope::unattended(runner.exec_timeout);
            let call = Call { stage: "cleanup", exec, script: None, output: Output::Runner };
            if let Err(error) = self.execute(call, &scope).await {
                log.warning(format!("Cleanup script failed: {error}"));
            }
        }
        // As in gitlab-runner, a directory that stays behind is nobody's error.
        let _ = fs::remove_dir_all(&self.dir);
    }

    async fn ask(&self, exec: &Exec, scope: &Scope) -> Result<Config, JobError> {
        let mut stdout = Vec::new();
        let scope = scope.within(self.player.runner.exec_timeout);
        let output = Output::Kept(&mut stdout);
        self.execute(Call { stage: "config", exec, script: None, output }, &scope).await?;
        Config::parse(&stdout)
    }

    fn find_place(&mut self) -> Result<(), JobError> {
        let (runner, job) = (self.player.runner, self.player.job);
        let missing = |what| {
            let message = format!("the {what} is not configured");
            JobError::new(Status::BuildFailure, message)
        };
        let builds_dir = self.config.builds_dir.as_ref().or(runner.builds_dir.as_ref());
        let builds_dir = builds_dir.ok_or_else(|| missing("builds_dir"))?;
        let cache_dir = self.config.cache_dir.as_ref().or(runner.cache_dir.as_ref());
        let cache_dir = cache_dir.ok_or_else(|| missing("cache_dir"))?;
        let is_shared = self.config.builds_dir_is_shared.unwrap_or_default();
        self.place = Place::new(runner, job, (builds_dir, cache_dir), is_shared);
        let variables = environment::all(runner, job, &self.place);
        self.player.log.mask(variables.masked());
        self.variables = Mutex::new(variables);
        Ok(())
    }

    /// Brings a working tree to where the scripts run, in as many scripts as it takes.
    async fn carry(&self, tree: &Path, scope: &Scope) -> Result<(), JobError> {
        let mut packing = Packing::start(tree, self.player.job.git.depth)?;
        loop {
            let piece = tokio::select! {
                piece = packing.next() => piece?,
                end = scope.ended() => return Err(JobError::ended(end, self.player.job.timeout)),
            };
            let script = self.write(|scripts| scripts.of_piece(tree, &piece));
            self.run_script("get_sources", &script, scope).await?;
            if piece.is_last {
                return Ok(());
            }
        }
    }

    fn write<T>(&self, script: impl FnOnce(&Scripts<'_>) -> T) -> T {
        script(&Scripts {
            protocol: self.player.runner.protocol,
            shell: self.config.shell(self.player.runner),
            job: self.player.job,
            place: &self.place,
            hostname: self.config.hostname.as_deref(),
            variables: &self.variables(),
        })
    }

    async fn run_script(&self, stage: &str, script: &str, scope: &Scope) -> Result<(), JobError> {
        let runner = self.player.runner;
        let file = self.write_script(script).map_err(|error| system(&error))?;
        let stage = if stage == "step_script" {
            self.player.log.warning(runner.protocol.renamed_stage_warning());
            "build_script"
        } else {
            stage
        };
        let call = Call { stage, exec: &runner.run, script: Some(file), output: Output::Job };
        self.execute(call, scope).await
    }

    async fn execute(&self, call: Call<'_>, scope: &Scope) -> Result<(), JobError> {
        let (stage, started) = (call.stage.to_owned(), Instant::now());
        let exit = self.spawn(call, scope).await;
        let took = started.elapsed();
        self.player.record(StageRecord { stage, attempt: self.number, exit: exit.clone(), took });
        self.judge(&exit)
    }

    async fn spawn(&self, call: Call<'_>, scope: &Scope) -> Exit {
        let player = self.player;
        let running = match self.invocation(&call).start() {
            Ok(running) => running,
            Err(error) => {
                return Exit::NotStarted(format!(
                    "fork/exec {}: {error}",
                    call.exec.path.display()
                ));
            }
        };
        player.log.announce(Event::Started(Process {
            stage: call.stage.to_owned(),
            attempt: self.number,
            pid: running.pid,
            dir: self.dir.clone(),
            script: call.script,
        }));
        let mut sink = Sink::new(player, call.output);
        let exit = running
            .end(player.runner, scope, player.cancel, |stream, bytes| sink.take(stream, bytes))
            .await;
        sink.finish();
        exit
    }

    fn invocation<'e>(&'e self, call: &Call<'e>) -> Invocation<'e> {
        let runner = self.player.runner;
        let mut args = call.exec.args.clone();
        if let Some(script) = &call.script {
            args.extend([script.into(), call.stage.into()]);
        }
        Invocation {
            runner,
            path: &call.exec.path,
            args,
            dir: self.dir.clone(),
            environment: self.environment(),
            merged: !runner.protocol.is_modern() && matches!(call.output, Output::Job),
        }
    }

    /// After the runner's own environment: the protocol's variables, `job_env`, the job's.
    fn environment(&self) -> Vec<(OsString, OsString)> {
        let runner = self.player.runner;
        let codes = runner.exit_codes;
        let mut environment: Vec<(OsString, OsString)> = vec![
            ("TMPDIR".into(), self.dir.clone().into()),
            ("BUILD_FAILURE_EXIT_CODE".into(), codes.build.to_string().into()),
            ("SYSTEM_FAILURE_EXIT_CODE".into(), codes.system.to_string().into()),
            ("JOB_RESPONSE_FILE".into(), self.dir.join("response.json").into()),
        ];
        if runner.protocol.is_modern() {
            environment.push(("BUILD_EXIT_CODE_FILE".into(), self.exit_code_file().into()));
        }
        let job_env = self.config.job_env.iter().flatten();
        environment.extend(job_env.map(|(key, value)| (key.into(), value.into())));
        let variables = self.variables();
        let services = response::services_variable(runner, self.player.job, &variables);
        let custom = |key: &str, value: &str| (format!("CUSTOM_ENV_{key}").into(), value.into());
        environment.extend(variables.iter().map(|v| custom(&v.key, &v.value)));
        environment.push(custom("CI_JOB_SERVICES", &services));
        environment
    }

    fn judge(&self, exit: &Exit) -> Result<(), JobError> {
        let codes = self.player.runner.exit_codes;
        match exit {
            _ if exit.is_success() => Ok(()),
            Exit::Code(code) if *code == codes.build => Err(self.build_failure(exit)),
            Exit::Code(code) if *code == codes.system => {
                Err(JobError::new(Status::SystemFailure, exit.to_string()))
            }
            Exit::NotStarted(_) | Exit::Dormant(_) => {
                Err(JobError::new(Status::SystemFailure, exit.to_string()))
            }
            Exit::Code(_) | Exit::Signal(_) => Err(unknown(exit.code(), exit)),
        }
    }

    fn build_failure(&self, exit: &Exit) -> JobError {
        let modern = self.player.runner.protocol.is_modern();
        let left = modern.then(|| fs::read(self.exit_code_file()).ok()).flatten();
        let Some(left) = left else {
            return JobError::new(Status::BuildFailure, exit.to_string());
        };
        let left = String::from_utf8_lossy(&left);
        match left.lines().next().unwrap_or_default().parse() {
            Ok(code) => JobError::new(Status::ScriptFailure(code), format!("exit status {code}")),
            Err(_) => unknown(self.player.runner.exit_codes.system, exit),
        }
    }

    fn exit_code_file(&self) -> PathBuf {
        self.dir.join("build_exit_code")
    }

    fn write_response(&self) -> io::Result<()> {
        let (runner, job) = (self.player.runner, self.player.job);
        let response = response::encode(runner, job);
        let mut file = create(&self.dir.join("response.json"), 0o600)?;
        writeln!(file, "{response}")
    }

    fn write_script(&self, script: &str) -> io::Result<PathBuf> {
        let dir = make_temp_dir("script", Some(&self.dir))?;
        let path = dir.join(self.player.runner.protocol.script_name());
        create(&path, 0o700)?.write_all(script.as_bytes())?;
        Ok(path)
    }

    fn variables(&self) -> Variables {
        self.variables.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(crate) fn system(error: &dyn std::error::Error) -> JobError {
    JobError::new(Status::SystemFailure, error.to_string())
}

fn unknown(code: i32, exit: &Exit) -> JobError {
    let message = format!(
        "unknown Custom executor executable exit code {code}; \
         executable execution terminated with: {exit}"
    );
    JobError::new(Status::Unknown, message)
}

/// As Go's `os.MkdirTemp`: for nobody else.
fn make_temp_dir(prefix: &str, parent: Option<&Path>) -> io::Result<PathBuf> {
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix(prefix).permissions(fs::Permissions::from_mode(0o700));
    let dir = match parent {
        Some(parent) => builder.tempdir_in(parent)?,
        None => builder.tempdir()?,
    };
    Ok(dir.keep())
}

fn create(path: &Path, mode: u32) -> io::Result<fs::File> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

/// What the job log calls a stage.
fn heading(stage: &str) -> String {
    let heading = match stage {
        "prepare_script" => "Preparing environment",
        "get_sources" => "Getting source from Git repository",
        "clear_worktree" => "Deleting all tracked and untracked files due to source fetch failure",
        "restore_cache" => "Restoring cache",
        "download_artifacts" => "Downloading artifacts",
        "after_script" => "Running after_script",
        "archive_cache" => "Saving cache for successful job",
        "archive_cache_on_failure" => "Saving cache for failed job",
        "upload_artifacts_on_failure" => "Uploading artifacts for failed job",
        "upload_artifacts_on_success" => "Uploading artifacts for successful job",
        "cleanup_file_variables" => "Cleaning up project directory and file based variables",
        step => return format!("Executing \"{step}\" stage of the job script"),
    };
    heading.to_owned()
}

//! The order of a job: prepare with its attempts, the stages, cleanup, the verdict.
//!
//! The model is `common/build.go`. Cleanup runs before the job log's last line, as there.

use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use crate::attempt::{self, Attempt};
use crate::cancel::{Cancel, End, Scope};
use crate::environment::{self, Place};
use crate::log::Log;
use crate::outcome::{Event, JobError, Outcome, StageRecord, Status};
use crate::process::pause;
use crate::{Job, Runner};

const PREPARE_ATTEMPTS: u32 = 3;

/// How long `after_script` may take, as gitlab-runner has it.
const AFTER_SCRIPT_TIMEOUT: Duration = Duration::from_mins(5);

/// One job being played.
pub(crate) struct Player<'a> {
    pub(crate) runner: &'a Runner,
    pub(crate) job: &'a Job,
    pub(crate) cancel: &'a Cancel,
    pub(crate) log: Log<'a>,
    stages: Mutex<Vec<StageRecord>>,
    cleanup_log: Mutex<Vec<u8>>,
}

impl<'a> Player<'a> {
    pub(crate) fn new(
        runner: &'a Runner,
        job: &'a Job,
        cancel: &'a Cancel,
        watcher: impl FnMut(Event) + Send + 'a,
    ) -> Self {
        let log = Log::new(job.trace_sections, watcher);
        log.mask(environment::all(runner, job, &Place::default()).masked());
        Self { runner, job, cancel, log, stages: Mutex::default(), cleanup_log: Mutex::default() }
    }

    pub(crate) async fn play(&self) -> Outcome {
        self.print_header();
        let result = self.prepare_and_build().await;
        match &result {
            Ok(()) => self.log.info("Job succeeded"),
            Err(error) => self.log.error(error.verdict()),
        }
        self.outcome(result)
    }

    pub(crate) async fn only_clean_up(&self) -> Outcome {
        let result = match Attempt::new(self, 1) {
            Ok(attempt) => {
                attempt.clean_up().await;
                Ok(())
            }
            Err(error) => Err(attempt::system(&error)),
        };
        self.outcome(result)
    }

    pub(crate) fn record(&self, record: StageRecord) {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner).push(record.clone());
        self.log.announce(Event::Ended(record));
    }

    pub(crate) fn keep_cleanup(&self, bytes: &[u8]) {
        self.cleanup_log.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
    }

    fn print_header(&self) {
        let (runner, protocol) = (self.runner, self.runner.protocol);
        let (version, revision) = (protocol.version(), protocol.revision());
        self.log.plain(format!("Running with gitlab-runner {version} ({revision}), played"));
        self.log.plain(format!("  on {} {}", runner.name, runner.short_token()));
    }

    async fn prepare_and_build(&self) -> Result<(), JobError> {
        let scope = self.cancel.build_scope(self.job.timeout);
        let heading = "Preparing the \"custom\" executor";
        let attempt = self.log.section("prepare_executor", heading, self.prepare(&scope)).await?;
        self.build_and_clean_up(&attempt, &scope).await
    }

    async fn prepare(&self, scope: &Scope) -> Result<Attempt<'_, 'a>, JobError> {
        let mut result = Err(JobError::new(Status::SystemFailure, "failed to create executor"));
        for number in 1..=PREPARE_ATTEMPTS {
            result = self.prepare_once(number, scope).await;
            let Err(error) = &result else {
                return result;
            };
            if error.is_final() {
                return result;
            }
            self.check(scope)?;
            self.log.error(format!("Preparation failed: {error}"));
            self.log.info(format!("Will be retried in {:?} ...", self.runner.retry_interval));
            pause(self.runner.retry_interval, scope).await;
            self.check(scope)?;
        }
        result
    }

    async fn prepare_once(&self, number: u32, scope: &Scope) -> Result<Attempt<'_, 'a>, JobError> {
        let mut attempt = Attempt::new(self, number).map_err(|error| attempt::system(&error))?;
        let result = attempt.prepare(scope).await;
        if result.is_err() {
            attempt.clean_up().await;
        }
        result.map(|()| attempt)
    }

    /// A build that does not end when it should is cleaned up after while it still runs.
    async fn build_and_clean_up(
        &self,
        attempt: &Attempt<'_, 'a>,
        scope: &Scope,
    ) -> Result<(), JobError> {
        let mut build = pin!(self.build(attempt, scope));
        let end = tokio::select! {
            biased;
            end = scope.ended() => end,
            result = &mut build => {
                attempt.clean_up().await;
                return self.check(scope).and(result);
            }
        };
        if timeout(self.runner.build_finish_timeout, &mut build).await.is_ok() {
            attempt.clean_up().await;
        } else {
            self.log.warning("Timed out waiting for the build to finish");
            let mut cleanup = pin!(attempt.clean_up());
            tokio::select! {
                () = &mut cleanup => {}
                _ = &mut build => cleanup.await,
            }
        }
        Err(JobError::ended(end, self.job.timeout))
    }

    async fn build(&self, attempt: &Attempt<'_, 'a>, scope: &Scope) -> Result<(), JobError> {
        let help = self.runner.protocol.shell_help();
        attempt.run("prepare_script", scope).await.map_err(|error| {
            error.wrapped(|text| {
                format!("prepare environment: {text}. Check {help} for more information")
            })
        })?;
        let mut result = self.fetch(attempt, scope).await;
        if result.is_ok() {
            result = self.user_scripts(attempt, scope).await;
        }
        let success = result.is_ok();
        let archive = if success { "archive_cache" } else { "archive_cache_on_failure" };
        let archived = attempt.run(archive, scope).await;
        let upload =
            if success { "upload_artifacts_on_success" } else { "upload_artifacts_on_failure" };
        let uploaded = attempt.run(upload, scope).await;
        // gitlab-runner only notes a failure here in its own log.
        let _ = attempt.run("cleanup_file_variables", scope).await;
        result.and(archived).and(uploaded)
    }

    async fn fetch(&self, attempt: &Attempt<'_, 'a>, scope: &Scope) -> Result<(), JobError> {
        self.retried(attempt, scope, "get_sources", "GET_SOURCES_ATTEMPTS").await?;
        self.retried(attempt, scope, "restore_cache", "RESTORE_CACHE_ATTEMPTS").await?;
        self.retried(attempt, scope, "download_artifacts", "ARTIFACT_DOWNLOAD_ATTEMPTS").await
    }

    async fn retried(
        &self,
        attempt: &Attempt<'_, 'a>,
        scope: &Scope,
        stage: &str,
        variable: &str,
    ) -> Result<(), JobError> {
        let modern = self.runner.protocol.is_modern();
        let mut result = attempt.run(stage, scope).await;
        for again in 1..attempt.attempts(variable) {
            if result.is_ok() || scope.end().is_some() {
                break;
            }
            if modern {
                self.log.warning("Retrying...");
            }
            result = if modern && again == 1 && stage == "get_sources" {
                attempt.run("clear_worktree", scope).await
            } else {
                Ok(())
            };
            if result.is_ok() {
                result = attempt.run(stage, scope).await;
            }
        }
        result
    }

    async fn user_scripts(&self, attempt: &Attempt<'_, 'a>, scope: &Scope) -> Result<(), JobError> {
        let script_scope = if self.runner.protocol.is_modern() {
            self.cancel.narrow(scope)
        } else {
            scope.clone()
        };
        let mut result = self.steps(attempt, &script_scope).await;
        if scope.end().is_none() && script_scope.end() == Some(End::Cancelled) {
            self.log.warning("script canceled externally (UI, API)");
            result = Err(JobError::ended(End::Cancelled, self.job.timeout));
        }
        attempt.set_status(result.as_ref().err().map_or("success", JobError::job_status));
        let after_scope = scope.within(AFTER_SCRIPT_TIMEOUT);
        if let Err(error) = attempt.run("after_script", &after_scope).await
            && self.runner.protocol.is_modern()
        {
            self.log
                .warning(format!("after_script failed, but job will continue unaffected: {error}"));
        }
        result
    }

    async fn steps(&self, attempt: &Attempt<'_, 'a>, scope: &Scope) -> Result<(), JobError> {
        for step in self.job.steps.iter().filter(|step| step.name != "after_script") {
            attempt.run(&format!("step_{}", step.name.to_lowercase()), scope).await?;
        }
        Ok(())
    }

    fn check(&self, scope: &Scope) -> Result<(), JobError> {
        scope.end().map_or(Ok(()), |end| Err(JobError::ended(end, self.job.timeout)))
    }

    fn outcome(&self, result: Result<(), JobError>) -> Outcome {
        let error = result.err();
        let status = match &error {
            None => Status::Success,
            // GitLab keeps a job that was cancelled as cancelled, whatever the runner says.
            Some(_) if self.cancel.is_requested() => Status::Cancelled,
            Some(error) => error.status,
        };
        Outcome {
            status,
            reason: error.map(|error| error.message),
            log: self.log.bytes(),
            stages: self.stages.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            cleanup_log: self.cleanup_log.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

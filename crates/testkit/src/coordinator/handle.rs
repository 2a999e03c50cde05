//! What a test holds of a job: how it goes, how it ended, and the button "cancel".

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use job::{Failure, Result};
use play::Dependency;

use super::Job;
use super::progress::{Artifact, Progress, State};

/// How much of the log a failure shows, in bytes.
const TAIL: usize = 2000;

/// A submitted job.
#[derive(Clone)]
pub struct JobHandle {
    job: Arc<Job>,
}

/// How a job ended.
pub struct Finished {
    /// Its last state.
    pub state: State,
    /// Why it failed, in GitLab's words: `script_failure`, `runner_system_failure` and others.
    pub failure_reason: Option<String>,
    /// The script's exit code, if it failed and the runner knows.
    pub exit_code: Option<i32>,
    /// The whole log as the runner sent it, with its colours and section marks.
    pub log: Vec<u8>,
}

impl JobHandle {
    pub(super) fn new(job: Arc<Job>) -> Self {
        Self { job }
    }

    /// The job's id, `CI_JOB_ID` in the job.
    pub fn id(&self) -> u64 {
        self.job.spec.id
    }

    /// The job as this GitLab hands it out, with its own id and token.
    pub fn spec(&self) -> &play::Job {
        &self.job.spec
    }

    /// Its state now.
    pub fn state(&self) -> State {
        self.job.progress.borrow().state
    }

    /// Its log so far, as the runner sent it.
    pub fn log(&self) -> Vec<u8> {
        self.job.progress.borrow().log.clone()
    }

    /// What the runner uploaded so far; `artifacts:paths` comes as one zip file.
    pub fn artifacts(&self) -> Vec<Artifact> {
        self.job.progress.borrow().artifacts.clone()
    }

    /// What a later job depends on, once the runner uploaded what `artifacts:paths` became.
    pub fn dependency(&self) -> Option<Dependency> {
        let (spec, progress) = (&self.job.spec, self.job.progress.borrow());
        let archive = progress.archive()?;
        Some(Dependency {
            id: spec.id,
            name: spec.name.clone(),
            file_name: archive.file_name.clone(),
            size: archive.content.len() as u64,
        })
    }

    /// Presses "cancel".
    ///
    /// As on GitLab, a runner that is able to then runs `after_script` and all that follows it,
    /// and an older one stops at once. It learns of the cancel when it next sends log, which it
    /// does every second while there is any; of a silent job, only within 30 seconds.
    pub fn cancel(&self) {
        self.job.progress.send_modify(Progress::cancel);
    }

    /// Presses "force cancel", or "cancel" on a GitLab before 16.9: every runner stops at once.
    pub fn force_cancel(&self) {
        self.job.progress.send_modify(Progress::force_cancel);
    }

    /// Waits until the runner has said its last word, which it does after the cleanup.
    ///
    /// # Errors
    ///
    /// It didn't within `limit`; the failure shows the end of the log.
    pub async fn finished(&self, limit: Duration) -> Result<Finished> {
        self.wait_for("to finish", limit, Progress::is_over).await?;
        Ok(Finished::of(&self.job.progress.borrow()))
    }

    /// Waits until the log holds `text`, which must be a part of one line: newer runners start each
    /// with a timestamp, and colours are in between too.
    ///
    /// # Errors
    ///
    /// It didn't within `limit`, or the job ended without; the failure shows the end of the log.
    pub async fn log_contains(&self, text: &str, limit: Duration) -> Result<()> {
        let what = format!("to log `{text}`");
        self.wait_for(&what, limit, |progress| progress.logged(text) || progress.is_over()).await?;
        if self.job.progress.borrow().logged(text) {
            Ok(())
        } else {
            Err(self.failure(format!("{self} ended and didn't log `{text}`")))
        }
    }

    async fn wait_for(
        &self,
        what: &str,
        limit: Duration,
        condition: impl FnMut(&Progress) -> bool,
    ) -> Result<()> {
        let mut progress = self.job.progress.subscribe();
        // The sender is in `self.job`, so the channel can't close.
        let waited = tokio::time::timeout(limit, progress.wait_for(condition)).await;
        waited.map(drop).map_err(|_| self.failure(format!("waited {limit:?} for {self} {what}")))
    }

    fn failure(&self, message: String) -> Failure {
        let progress = self.job.progress.borrow();
        let tail = &progress.log[progress.log.len().saturating_sub(TAIL)..];
        let tail = String::from_utf8_lossy(tail);
        Failure::system(message)
            .caused_by(format!("it is {}, its log ends:\n{tail}", progress.state.word()))
    }
}

impl Progress {
    fn logged(&self, text: &str) -> bool {
        self.log.windows(text.len().max(1)).any(|window| window == text.as_bytes())
    }
}

impl Finished {
    fn of(progress: &Progress) -> Self {
        let report = progress.report.as_ref();
        Self {
            state: progress.state,
            failure_reason: report.and_then(|report| report.failure_reason.clone()),
            exit_code: report.and_then(|report| report.exit_code),
            log: progress.log.clone(),
        }
    }

    /// The log as text, bytes that aren't UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.log).into_owned()
    }
}

impl fmt::Display for JobHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job {} `{}`", self.job.spec.id, self.job.spec.name)
    }
}

impl fmt::Debug for JobHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({})", self.state().word())
    }
}

/// Shows the log as a person would read it.
impl fmt::Debug for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { state, failure_reason, exit_code, .. } = self;
        let (reason, log) = (failure_reason.as_deref().unwrap_or("no reason"), self.text());
        write!(f, "{}, {reason}, exit code {exit_code:?}, log:\n{log}", state.word())
    }
}

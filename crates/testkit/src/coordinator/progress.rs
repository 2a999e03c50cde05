//! How far a job has come: its state, its log and what it uploaded. Pure.

use bytes::Bytes;

/// A job's state in GitLab's words (<https://docs.gitlab.com/ci/jobs/#available-job-statuses>).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// No runner has taken it.
    #[default]
    Pending,
    /// A runner has taken it.
    Running,
    /// Cancelled; the runner still runs `after_script` and what comes after it.
    Canceling,
    /// Cancelled, with nothing left to run.
    Canceled,
    /// Its script succeeded.
    Success,
    /// Its script, or the runner, failed.
    Failed,
}

impl State {
    /// GitLab's word, as in the header `Job-Status`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Canceling => "canceling",
            Self::Canceled => "canceled",
            Self::Success => "success",
            Self::Failed => "failed",
        }
    }
}

/// A file that the runner uploaded for a job.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// `archive` for `artifacts:paths`, otherwise a kind of report.
    pub kind: String,
    /// The file's name.
    pub file_name: String,
    /// Its bytes, of an archive those of a zip file.
    pub content: Bytes,
}

/// The runner's last word on a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) success: bool,
    pub(super) failure_reason: Option<String>,
    pub(super) exit_code: Option<i32>,
}

/// All that is known of a job.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) state: State,
    pub(super) report: Option<Report>,
    pub(super) log: Vec<u8>,
    pub(super) artifacts: Vec<Artifact>,
    runner: Option<Runner>,
}

/// What the runner that took the job said of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Runner {
    /// After a cancel it goes on with `after_script`; 16.9 and later.
    pub(super) cancels_gracefully: bool,
}

impl Progress {
    /// A runner takes the job.
    pub(super) fn start(&mut self, runner: Runner) {
        self.state = State::Running;
        self.runner = Some(runner);
    }

    /// Somebody presses "cancel"; once the job has ended this changes nothing.
    pub(super) fn cancel(&mut self) {
        self.state = match self.state {
            State::Running if self.runner.is_some_and(|it| it.cancels_gracefully) => {
                State::Canceling
            }
            State::Pending | State::Running => State::Canceled,
            ended_or_cancelled => ended_or_cancelled,
        };
    }

    /// Somebody presses "force cancel"; once the job has ended this changes nothing.
    pub(super) fn force_cancel(&mut self) {
        if matches!(self.state, State::Pending | State::Running | State::Canceling) {
            self.state = State::Canceled;
        }
    }

    /// The runner says how the job ended; to a job that was cancelled it can't add a state.
    pub(super) fn end(&mut self, report: Report) {
        self.state = match self.state {
            State::Canceling | State::Canceled => State::Canceled,
            _ if report.success => State::Success,
            _ => State::Failed,
        };
        self.report = Some(report);
    }

    /// Whether nothing more will come: the runner said its last word, or never took the job.
    pub(super) fn is_over(&self) -> bool {
        self.report.is_some() || (self.state == State::Canceled && self.runner.is_none())
    }

    /// Adds to the log what belongs at `offset`; false when the log doesn't end there.
    pub(super) fn append(&mut self, offset: usize, content: &[u8]) -> bool {
        let fits = offset == self.log.len();
        if fits {
            self.log.extend_from_slice(content);
        }
        fits
    }

    /// What `artifacts:paths` became.
    pub(super) fn archive(&self) -> Option<&Artifact> {
        self.artifacts.iter().rfind(|artifact| artifact.kind == "archive")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(cancels_gracefully: bool) -> Progress {
        let mut progress = Progress::default();
        progress.start(Runner { cancels_gracefully });
        progress
    }

    fn report(success: bool) -> Report {
        Report { success, failure_reason: None, exit_code: None }
    }

    #[test]
    fn a_cancel_spares_after_script_only_where_the_runner_can() {
        let mut graceful = running(true);
        graceful.cancel();
        assert_eq!(graceful.state, State::Canceling);
        graceful.end(report(false));
        assert_eq!(graceful.state, State::Canceled);

        let mut old = running(false);
        old.cancel();
        assert_eq!(old.state, State::Canceled);
        assert!(!old.is_over(), "its runner has yet to clean up");
    }

    #[test]
    fn a_forced_cancel_ends_a_graceful_one() {
        let mut progress = running(true);
        progress.cancel();
        progress.force_cancel();
        assert_eq!(progress.state, State::Canceled);
    }

    #[test]
    fn a_job_that_has_ended_cannot_be_cancelled() {
        let mut progress = running(true);
        progress.end(report(true));
        progress.cancel();
        progress.force_cancel();
        assert_eq!(progress.state, State::Success);
    }

    #[test]
    fn a_job_cancelled_before_it_ran_is_over() {
        let mut progress = Progress::default();
        assert!(!progress.is_over());
        progress.cancel();
        assert!(progress.is_over());
    }

    #[test]
    fn the_log_grows_only_at_its_end() {
        let mut progress = Progress::default();
        assert!(progress.append(0, b"one"));
        assert!(!progress.append(0, b"two"));
        assert!(!progress.append(4, b"two"));
        assert!(progress.append(3, b"two"));
        assert_eq!(progress.log, b"onetwo");
    }
}

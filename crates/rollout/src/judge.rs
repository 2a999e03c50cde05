//! Whether a rollout has ended, and how: pure, over snapshots and the time passed in with them.
//!
//! A [`Judge`] owns one rollout from the first look to the verdict. It asks nobody and waits for nothing.
//! What the swarm does is read from `moby/swarmkit`'s orchestrators rather than from the message of an
//! update, which says `completed` of tasks that don't run
//! (<https://github.com/moby/swarmkit/blob/v2.1.1/manager/orchestrator/update/updater.go>) and nothing
//! at all of a creation (<https://github.com/moby/moby/issues/28012>).
//!
//! In this order: is the service there, is what was asked for still in force, what does the update say,
//! do the tasks do as they shall. A good end needs two looks that agree.

mod authorship;
mod casualties;
mod census;
mod opinion;
mod patience;
mod place;
mod seeing;
mod stuck;
mod tenure;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::mem::{Discriminant, discriminant};
use std::time::Duration;

use authorship::Authorship;
use casualties::Casualties;
use opinion::{Opinion, Outlook};
use patience::Patience;
use tenure::Tenure;

use crate::expectation::{After, Deed, Expectation};
use crate::snapshot::{Service, Snapshot, TaskState};
use crate::verdict::{Outcome, Phase, Progress, Reason, TaskFailure, Verdict};

/// The engine's default of `monitor`
/// (<https://github.com/moby/swarmkit/blob/v2.1.1/api/defaults/service.go>); tasks on nodes that the
/// managers don't hear from are given up after the same time.
const DEFAULT_MONITOR: Duration = Duration::from_secs(5);
/// How many tasks are named of those that are waited for.
const WAITED_FOR: usize = 20;

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Longest time without any progress; begins anew with each. The pauses that the specification
    /// itself asks for, `delay` and `monitor`, come on top of it.
    pub progress: Duration,
    /// Longest time in all.
    pub total: Duration,
}

/// What is known after a look.
#[derive(Clone, Debug, PartialEq)]
pub enum Judgement {
    /// It goes on.
    Pending(Progress),
    /// It has ended.
    Ended(Verdict),
}

/// Judges one rollout, look by look.
#[derive(Debug)]
pub struct Judge {
    expectation: Expectation,
    deadlines: Deadlines,
    authorship: Authorship,
    casualties: Casualties,
    tenure: Tenure,
    patience: Patience,
    /// The nodes that were eligible at first, for a job on all nodes.
    initial_nodes: Option<BTreeSet<String>>,
    /// The orchestrator's words when it went back: later ones don't name the task.
    cause: Option<String>,
    /// Whether the rollback that was asked for was seen.
    goes_back: bool,
    /// What the last look would have said.
    leaning: Option<Discriminant<Reason>>,
    /// Since when a state has held that has to hold for a while.
    held_since: Option<Duration>,
    most_leaving: u64,
    progress: Progress,
    stuck: String,
    waited_for: Vec<TaskFailure>,
    quiet: Duration,
    verdict: Option<Verdict>,
}

impl Judge {
    /// Of this expectation, from the beginning of the watch on.
    pub fn new(expectation: Expectation, deadlines: Deadlines) -> Self {
        let phase =
            if expectation.deed == Deed::Removed { Phase::Removing } else { Phase::Rolling };
        Self {
            expectation,
            deadlines,
            authorship: Authorship::default(),
            casualties: Casualties::default(),
            tenure: Tenure::default(),
            patience: Patience::default(),
            initial_nodes: None,
            cause: None,
            goes_back: false,
            leaning: None,
            held_since: None,
            most_leaving: 0,
            progress: Progress { reached: 0, wanted: 0, phase, trouble: None },
            stuck: "the cluster has not been heard yet".to_owned(),
            waited_for: Vec::new(),
            quiet: Duration::ZERO,
            verdict: None,
        }
    }

    /// Takes one look into account. Looks come in the order of their time. After the end nothing
    /// changes any more.
    pub fn see(&mut self, snapshot: &Snapshot) -> Judgement {
        if let Some(verdict) = &self.verdict {
            return Judgement::Ended(verdict.clone());
        }
        self.tenure.note(snapshot);
        let outlook = match snapshot.service.as_ref() {
            None => self.see_nothing(snapshot).into(),
            Some(_) if self.expectation.deed == Deed::Removed => {
                self.stuck = stuck::removal(snapshot);
                Opinion::Pending(Phase::Removing).into()
            }
            Some(service) => match self.after(service) {
                after if service.version < after.version => return self.lapse(snapshot.at),
                after => self.see_service(snapshot, service, &after),
            },
        };
        self.conclude(snapshot.at, outlook)
    }

    /// Lets time pass without a look, as when no manager answers.
    pub fn lapse(&mut self, at: Duration) -> Judgement {
        if let Some(verdict) = &self.verdict {
            return Judgement::Ended(verdict.clone());
        }
        match self.deadline(at) {
            Some(reason) => self.end(at, reason),
            None => Judgement::Pending(self.progress.clone()),
        }
    }

    /// What was asked for; where nobody could look at it in time, what the first look shows.
    fn after(&mut self, service: &Service) -> After {
        let first = || After {
            spec: service.spec.clone(),
            version: service.version,
            update: service.update.clone(),
            at: service.updated_at,
        };
        self.expectation.after.get_or_insert_with(first).clone()
    }

    fn conclude(&mut self, at: Duration, outlook: Outlook) -> Judgement {
        let Outlook { opinion, quiet, at_rest } = outlook;
        self.quiet = quiet;
        let (leaning, reason) = match opinion {
            Opinion::Certain(reason) => (None, Some(reason)),
            Opinion::Likely(reason) => {
                let leaning = Some(discriminant(&reason));
                (leaning, (self.leaning == leaning).then_some(reason))
            }
            Opinion::Settling { reason, stability } => {
                self.progress.phase = Phase::Settling { stability };
                (Some(discriminant(&reason)), None)
            }
            Opinion::Pending(phase) => {
                self.progress.phase = phase;
                (None, None)
            }
        };
        self.leaning = leaning;
        match reason {
            Some(reason) => self.end(at, reason),
            None => match (self.deadline(at), at_rest) {
                (Some(Reason::NoProgress { .. }), Some(reason)) | (Some(reason), _) => {
                    self.end(at, reason)
                }
                (None, _) => Judgement::Pending(self.progress.clone()),
            },
        }
    }

    fn deadline(&self, at: Duration) -> Option<Reason> {
        let Deadlines { progress, total } = self.deadlines;
        if at >= total {
            return Some(Reason::OutOfTime { deadline: total, stuck: self.stuck.clone() });
        }
        let is_over = self.patience.spent(at) >= progress.saturating_add(self.quiet);
        is_over.then(|| Reason::NoProgress { deadline: progress, stuck: self.stuck.clone() })
    }

    fn end(&mut self, at: Duration, reason: Reason) -> Judgement {
        let outcome = reason.outcome();
        let mut failures = self.casualties.told();
        if outcome == Outcome::Succeeded {
            failures.retain(|failure| failure.state != TaskState::Complete);
        }
        if matches!(reason, Reason::NoProgress { .. } | Reason::OutOfTime { .. }) {
            failures.splice(..0, self.waited_for.drain(..));
            failures.truncate(WAITED_FOR);
        }
        let verdict = Verdict { outcome, reason, failures, took: at };
        self.verdict = Some(verdict.clone());
        Judgement::Ended(verdict)
    }
}

//! What is made of the rollouts once they have ended: explanations, the record, files, the job's
//! result.

use std::time::SystemTime;

use futures::StreamExt;
use job::settings::{OnFailure, OnSuperseded, Rollout as Rules};
use job::{Ending, Failure, Result};
use rollout::explain::explain;
use rollout::record::{Explanation, Job, Record, Rollout};
use rollout::report;
use rollout::verdict::Outcome;
use rollout::watch::{Watch, Watched};

use super::telling::Telling;
use super::{Rollouts, deposit, undoing};
use crate::run::cancel::Signals;
use crate::run::{Place, Script};

/// How many services are asked about at once.
const EXPLAINED_AT_ONCE: usize = 4;

/// What an exit by SIGTERM is counted as.
const CANCELLED: i32 = 128 + rustix::process::Signal::TERM.as_raw();

/// How a wait ended.
pub(super) enum Waited {
    /// Every rollout has ended.
    Ended,
    /// By a signal.
    Cancelled,
    /// The cluster doesn't answer any more.
    Lost(Failure),
}

/// What is known in the end.
pub(super) struct Conclusion<'a> {
    script: &'a Script<'a>,
    rules: Rules,
    record: Record,
    lost: Option<Failure>,
}

impl<'a> Conclusion<'a> {
    /// Looks into what failed, takes back what is to be taken back, and writes all of it down.
    pub(super) async fn reach(
        rollouts: Rollouts<'a>,
        mut watch: Watch,
        waited: Waited,
        telling: &mut Telling,
        signals: &mut Signals,
    ) -> Self {
        let (mut cancelled, lost) = match waited {
            Waited::Ended => (false, None),
            Waited::Cancelled => (true, None),
            Waited::Lost(failure) => (false, Some(failure)),
        };
        let count = watch.watched.len();
        let (mut explanations, mut undone) = (vec![Vec::new(); count], vec![None; count]);
        if !cancelled && lost.is_none() {
            let after = async {
                explanations = explained(&rollouts, &watch).await;
                if is_to_be_undone(&rollouts, &watch) {
                    undone = undoing::undo(&rollouts, &mut watch, telling).await;
                }
            };
            tokio::select! {
                () = after => {}
                () = signals.next() => cancelled = true,
            }
        }
        let details = explanations.into_iter().zip(undone);
        let each = watch.watched.iter().zip(details);
        let each = each.map(|(watched, (why, undone))| watched.rollout(why, undone)).collect();
        let began = rollouts.began();
        let Rollouts { script, rules, advised, probe, masker, .. } = rollouts;
        let probe = match probe {
            Some(probe) if cancelled => probe.so_far(&watch, began),
            Some(probe) => probe.stop(&watch, began).await,
            None => None,
        };
        let record = Record {
            job: job(script),
            began: SystemTime::now() - began.elapsed(),
            took: began.elapsed(),
            rollouts: each,
            advice: advised.list(),
            probe,
            cancelled,
        };
        Self { script, rules, record: record.masked(&masker), lost }
    }

    pub(super) fn tell(&self, telling: Telling) {
        telling.end(&self.record);
    }

    /// Writes the reports where `artifacts:` finds them. A job that was cancelled ends at once.
    pub(super) async fn deposit(&self, place: &impl Place) {
        if self.record.cancelled {
            return;
        }
        let Some(directory) = self.script.job.claims.get("CI_PROJECT_DIR") else { return };
        let suffix = match self.script.part {
            job::Stage::Build => String::new(),
            ref part => format!(".{part}"),
        };
        let files = [
            (format!("rollout{suffix}.json"), report::json(&self.record)),
            (format!("rollout{suffix}.html"), report::html(&self.record)),
            (format!("rollout{suffix}.xml"), report::junit(&self.record)),
        ];
        if let Err(failure) = deposit::deposit(place, directory, &files).await {
            self.script.stage.log.warning(failure.render());
        }
    }

    /// What the script's end becomes.
    pub(super) fn decide(self, ending: Result<Ending>) -> Result<Ending> {
        let Self { script, rules, record, lost } = self;
        let bad = if record.cancelled { None } else { lost.or_else(|| bad(&rules, &record)) };
        match (ending, bad) {
            (Ok(Ending::Success), None) if record.cancelled => Ok(Ending::Script(CANCELLED)),
            (Ok(Ending::Success), Some(failure)) if rules.on_failure == OnFailure::Warn => {
                script.stage.log.warning(failure.render());
                Ok(Ending::Success)
            }
            (Ok(Ending::Success), Some(failure)) => Err(failure),
            (ending, None) => ending,
            (ending, Some(failure)) => {
                script.stage.log.warning(failure.render());
                ending
            }
        }
    }
}

/// Looks into the failures of the rollouts, a few at once.
async fn explained(rollouts: &Rollouts<'_>, watch: &Watch) -> Vec<Vec<Explanation>> {
    let each = watch.watched.iter().map(async |watched| {
        let Some(verdict) = &watched.verdict else { return Vec::new() };
        let spec = watched.expectation.after.as_ref().map(|after| &*after.spec);
        explain(&rollouts.swarm, spec, &verdict.failures, watch.nodes()).await
    });
    futures::stream::iter(each).buffered(EXPLAINED_AT_ONCE).collect().await
}

/// A service that ended badly is taken back with all others, and so is a deploy that lost too many
/// requests.
fn is_to_be_undone(rollouts: &Rollouts<'_>, watch: &Watch) -> bool {
    let Rollouts { rules, probe, .. } = rollouts;
    let is_bad = |watched: &Watched| {
        watched.verdict.as_ref().is_some_and(|verdict| counts_as_bad(rules, verdict.outcome))
    };
    let has_lost_requests = || {
        let probed = probe.as_ref().and_then(|probe| probe.so_far(watch, rollouts.began()));
        probed.is_some_and(|probed| probed.verdict(rules.probe.max_failed_requests).is_some())
    };
    rules.on_failure == OnFailure::Rollback
        && (watch.watched.iter().any(is_bad) || has_lost_requests())
}

fn counts_as_bad(rules: &Rules, outcome: Outcome) -> bool {
    match outcome {
        Outcome::Succeeded => false,
        Outcome::Failed => true,
        Outcome::Superseded => rules.on_superseded == OnSuperseded::Fail,
    }
}

/// The failure that the job ends with, if it is to end with one.
fn bad(rules: &Rules, record: &Record) -> Option<Failure> {
    let is_bad = |rollout: &&Rollout| {
        rollout.verdict.as_ref().is_some_and(|verdict| counts_as_bad(rules, verdict.outcome))
    };
    let bad: Vec<_> = record.rollouts.iter().filter(is_bad).collect();
    let failed = (!bad.is_empty()).then(|| {
        let failure = Failure::job(failed(&bad, record.rollouts.len()));
        failure.hint("see above for what happened; rollout.html has all of it, for `artifacts:`")
    });
    let probe = record.probe.as_ref().and_then(|probe| {
        let verdict = probe.verdict(rules.probe.max_failed_requests)?;
        Some(Failure::job(verdict.to_string()).hint("see above for what the rollout did meanwhile"))
    });
    [failed, probe].into_iter().flatten().reduce(Failure::and)
}

fn failed(bad: &[&Rollout], all: usize) -> String {
    let name = |rollout: &&Rollout| report::plain::line(&rollout.name, 63);
    match bad {
        [one] => report::plain::line(&report::sentence(one), report::COLUMNS),
        several => {
            let names = several.iter().take(10).map(name).collect::<Vec<_>>().join(", ");
            let more = if several.len() > 10 { ", …" } else { "" };
            format!("{} of {all} rollouts failed: {names}{more}", several.len())
        }
    }
}

fn job(script: &Script<'_>) -> Job {
    let (proofs, claims) = (&script.job.proofs, &script.job.claims);
    Job {
        name: proofs.job_name().to_owned(),
        id: proofs.job_id(),
        project: proofs.project().to_owned(),
        sha: claims.get("CI_COMMIT_SHA").unwrap_or_default().to_owned(),
        url: claims.get("CI_JOB_URL").map(str::to_owned),
    }
}

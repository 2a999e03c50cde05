//! Every text in a record, so that one change can be made to all of them: masking, cleaning.
//!
//! Each struct is taken apart whole, so that a new field can't be forgotten here.

use super::{Asked, Explanation, HealthResult, Job, Record, Rollout, TaskLine, Undone};
use crate::advise::Advice;
use crate::probe::{Outage, Probed};
use crate::verdict::{Phase, Progress, Reason, TaskFailure, Verdict};

type Visit<'a> = &'a mut dyn FnMut(&mut String);

impl Record {
    /// The same record with every text replaced by what `change` makes of it.
    #[must_use]
    pub fn with_texts(mut self, change: impl Fn(&str) -> String) -> Self {
        self.each_text(&mut |text| *text = change(text));
        self
    }

    /// Shows every text, to be changed in place.
    pub(crate) fn each_text(&mut self, visit: Visit<'_>) {
        let Self { job, began: _, took: _, rollouts, advice, probe, cancelled: _ } = self;
        job.each_text(visit);
        for rollout in rollouts {
            rollout.each_text(visit);
        }
        for advice in advice {
            advice.each_text(visit);
        }
        if let Some(probed) = probe {
            probed.each_text(visit);
        }
    }
}

impl Job {
    fn each_text(&mut self, visit: Visit<'_>) {
        let Self { name, id: _, project, sha, url } = self;
        visit(name);
        visit(project);
        visit(sha);
        url.iter_mut().for_each(visit);
    }
}

impl Rollout {
    fn each_text(&mut self, visit: Visit<'_>) {
        let Self {
            id,
            name,
            stack,
            deed: _,
            before,
            after,
            verdict,
            progress,
            explanations,
            tasks,
            undone,
        } = self;
        visit(id);
        visit(name);
        stack.iter_mut().for_each(&mut *visit);
        for asked in before.iter_mut().chain(after) {
            asked.each_text(visit);
        }
        if let Some(verdict) = verdict {
            verdict.each_text(visit);
        }
        progress.each_text(visit);
        for explanation in explanations {
            explanation.each_text(visit);
        }
        for task in tasks {
            task.each_text(visit);
        }
        if let Some(undone) = undone {
            undone.each_text(visit);
        }
    }
}

impl Asked {
    fn each_text(&mut self, visit: Visit<'_>) {
        let Self { image, replicas: _, mode: _ } = self;
        visit(image);
    }
}

impl Verdict {
    fn each_text(&mut self, visit: Visit<'_>) {
        let Self { outcome: _, reason, failures, took: _ } = self;
        reason.each_text(visit);
        for failure in failures {
            failure.each_text(visit);
        }
    }
}

impl Reason {
    fn each_text(&mut self, visit: Visit<'_>) {
        match self {
            Self::Paused { message }
            | Self::RolledBack { message }
            | Self::RollbackPaused { message } => visit(message),
            Self::NoProgress { deadline: _, stuck } | Self::OutOfTime { deadline: _, stuck } => {
                visit(stuck);
            }
            Self::Converged
            | Self::Unchanged
            | Self::Completed
            | Self::ScaledToZero
            | Self::Removed
            | Self::RolledBackAsAsked
            | Self::SupersededByUpdate
            | Self::RemovedByOthers
            | Self::CrashLoop { times: _ }
            | Self::Exhausted
            | Self::CompletedWithoutConvergence
            | Self::JobFailed => {}
        }
    }
}

impl TaskFailure {
    fn each_text(&mut self, visit: Visit<'_>) {
        let Self { task, slot: _, node, state: _, error, exit_code: _, container } = self;
        visit(task);
        [node, error, container].into_iter().flatten().for_each(visit);
    }
}

impl Progress {
    fn each_text(&mut self, visit: Visit<'_>) {
        let Self { reached: _, wanted: _, phase, trouble } = self;
        match phase {
            Phase::RollingBack { message } => visit(message),
            Phase::Rolling | Phase::Settling { stability: _ } | Phase::Removing => {}
        }
        trouble.iter_mut().for_each(visit);
    }
}

impl Explanation {
    fn each_text(&mut self, visit: Visit<'_>) {
        let Self { failure, node, log, health, hints } = self;
        failure.each_text(visit);
        node.iter_mut().for_each(&mut *visit);
        log.iter_mut().for_each(&mut *visit);
        for HealthResult { at, exit_code: _, output } in health {
            visit(at);
            visit(output);
        }
        hints.iter_mut().for_each(visit);
    }
}

impl TaskLine {
    fn each_text(&mut self, visit: Visit<'_>) {
        let Self { id, slot: _, node, new: _, image, states: _, error } = self;
        visit(id);
        visit(image);
        [node, error].into_iter().flatten().for_each(visit);
    }
}

impl Undone {
    fn each_text(&mut self, visit: Visit<'_>) {
        let Self { deed: _, verdict, error } = self;
        if let Some(verdict) = verdict {
            verdict.each_text(visit);
        }
        error.iter_mut().for_each(visit);
    }
}

impl Advice {
    fn each_text(&mut self, visit: Visit<'_>) {
        let Self { service, rule: _, reason, lines } = self;
        [service, reason, lines].into_iter().for_each(visit);
    }
}

impl Probed {
    fn each_text(&mut self, visit: Visit<'_>) {
        let Self { url, fresh: _, kept: _, longest_gap: _, outages } = self;
        visit(url);
        for Outage { from: _, until: _, failed: _, error, meanwhile } in outages {
            visit(error);
            meanwhile.iter_mut().for_each(&mut *visit);
        }
    }
}

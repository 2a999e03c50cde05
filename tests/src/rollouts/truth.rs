//! What really became of a rollout, in the words of `rollout.json`.

use serde::Serialize;

/// What really became of the one service of a row.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Truth {
    /// What the job did.
    pub deed: Deed,
    /// How it ended.
    pub outcome: Outcome,
    /// Which reasons would be right: kinds of `rollout::verdict::Reason`, in `snake_case`. More than one
    /// where it depends on who is quicker.
    pub reasons: &'static [&'static str],
    /// What a person has to be told, each somewhere in the job log.
    pub words: &'static [&'static str],
    /// How the job ends, with a profile that says nothing of rollouts.
    pub exit_code: i32,
    /// After so many seconds at most nothing changes any more, on a machine that is not busy.
    pub seconds: u64,
}

/// What a job did to a service, as `rollout::expectation::Deed` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// It made it.
    Created,
    /// It updated it.
    Updated,
    /// It asked for the previous specification.
    RolledBack,
    /// It removed it.
    Removed,
}

/// How a rollout ended, as `rollout::verdict::Outcome` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As the job wanted.
    Succeeded,
    /// Not as the job wanted.
    Failed,
    /// Somebody else had other plans.
    Superseded,
}

impl Truth {
    /// A good end.
    pub(super) const fn good(deed: Deed, reasons: &'static [&'static str], seconds: u64) -> Self {
        Self { deed, outcome: Outcome::Succeeded, reasons, words: &[], exit_code: 0, seconds }
    }

    /// A bad end, and what has to be told of it.
    pub(super) const fn bad(
        deed: Deed,
        reasons: &'static [&'static str],
        words: &'static [&'static str],
        seconds: u64,
    ) -> Self {
        Self { deed, outcome: Outcome::Failed, reasons, words, exit_code: 1, seconds }
    }

    /// Somebody else's doing, which is no failure of the job's.
    pub(super) const fn superseded(
        deed: Deed,
        reasons: &'static [&'static str],
        seconds: u64,
    ) -> Self {
        Self { deed, outcome: Outcome::Superseded, reasons, words: &[], exit_code: 0, seconds }
    }
}

//! What one look alone would say.

use std::time::Duration;

use crate::verdict::{Phase, Reason};

/// What one look alone would say.
#[derive(Debug)]
pub(super) enum Opinion {
    /// It goes on.
    Pending(Phase),
    /// It will have ended so, if it stays as it is for the stability time.
    Settling {
        /// How.
        reason: Reason,
        /// For how long.
        stability: Duration,
    },
    /// It has ended so, if the next look agrees: what the look is made of was not asked for in one
    /// request, and a moment between two of them may have made it up.
    Likely(Reason),
    /// It has ended so.
    Certain(Reason),
}

/// An opinion, and how the deadlines bear on it.
#[derive(Debug)]
pub(super) struct Outlook {
    pub(super) opinion: Opinion,
    /// For how long nothing new may be seen though all goes well.
    pub(super) quiet: Duration,
    /// How it has ended if nothing goes on any more; none for badly.
    pub(super) at_rest: Option<Reason>,
}

impl From<Opinion> for Outlook {
    fn from(opinion: Opinion) -> Self {
        let quiet = match &opinion {
            Opinion::Settling { stability, .. } => *stability,
            Opinion::Pending(_) | Opinion::Likely(_) | Opinion::Certain(_) => Duration::ZERO,
        };
        Self { opinion, quiet, at_rest: None }
    }
}

//! Tells a person what became of the rollouts: from plain data to text, without any I/O.
//!
//! | what | for whom |
//! |---|---|
//! | [`LogLines`] | the job log, while the watch goes on |
//! | [`summary`] | the job log, at the end: table, failures, probe, advice |
//! | [`section`] | GitLab, which folds the log's sections by it |
//! | [`json`] | programs, as `rollout.json` |
//! | [`html`] | people, as one page with the timeline drawn |
//! | [`junit`] | GitLab's test report |
//!
//! What comes from the swarm is hostile until it has gone through [`plain`]; what may hold a secret
//! goes through the [`Masker`] first, once, with [`Record::masked`].
//!
//! [`Record::masked`]: crate::record::Record::masked

mod advice;
mod amount;
mod explain;
mod html;
mod image;
mod json;
mod junit;
mod line;
mod log;
mod mask;
pub mod plain;
mod probe;
pub mod section;
mod sentence;
mod summary;
mod table;

#[cfg(test)]
mod hostile;
#[cfg(test)]
pub(crate) mod sample;

pub use html::html;
pub use json::json;
pub use junit::junit;
pub use line::{COLUMNS, Line, Tone};
pub use log::LogLines;
pub use mask::Masker;
pub use summary::summary;

use crate::advise::Advice;
use crate::record::Rollout;

/// What became of a rollout, in one sentence that begins with the service's name.
pub fn sentence(rollout: &Rollout) -> String {
    sentence::verdict(rollout)
}

/// The lines of the log that give advice, for a script that is not waited for.
pub fn advised(advice: &[Advice]) -> Vec<Line> {
    advice::lines(advice, summary::ADVICE)
}

//! What follows a script that changed services: the wait for their rollouts, what a bad end means,
//! which advice is told, and the requests that are sent meanwhile.
//!
//! An absent list permits everything, an empty one nothing.

mod advice;
mod statuses;
mod url;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

pub use advice::{AdviceRule, UnknownRule};
pub use statuses::{NotAStatus, Statuses};
pub use url::{NotAPattern, NotAUrl, ProbeUrl, UrlPattern};

/// What follows a script that changed services.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollout {
    /// Whether the end of the rollouts is waited for.
    pub wait: bool,
    /// What a rollout that failed means.
    pub on_failure: OnFailure,
    /// What a job may choose for that; the profile's own choice needs no permission.
    pub allowed_on_failure: Vec<OnFailure>,
    /// What it means that somebody else changed a service before its rollout ended.
    pub on_superseded: OnSuperseded,
    /// Longest time without any progress; begins anew with each.
    pub progress_deadline: Duration,
    /// Longest time in all.
    pub deadline: Duration,
    /// What is said of services that will drop requests.
    pub advice: Advice,
    /// The requests that are sent while rollouts go on.
    pub probe: Probe,
}

/// What a rollout that failed means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// The job fails.
    #[default]
    Fail,
    /// The job log tells of it, and the job goes on.
    Warn,
    /// Every service that the job touched becomes what it was, and then the job fails.
    Rollback,
}

/// What it means that somebody else changed a service before its rollout ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnSuperseded {
    /// Nothing: that service is somebody else's by now.
    #[default]
    Pass,
    /// The job fails.
    Fail,
}

/// What is said of services that will drop requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advice {
    /// The rules of which nothing is said.
    pub silence: BTreeSet<AdviceRule>,
    /// The rules by which a request that breaks them is refused.
    pub mandatory: BTreeSet<AdviceRule>,
}

/// The requests that are sent while rollouts go on.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Where they go; without it, none are sent.
    pub url: Option<ProbeUrl>,
    /// From the beginning of one to that of the next.
    pub interval: Duration,
    /// Longest time of one, from the name's lookup to the end of the answer.
    pub timeout: Duration,
    /// The statuses that are successes.
    pub status: Statuses,
    /// How many may fail before that is a verdict; without it, failures are told and no more.
    pub max_failed_requests: Option<u64>,
    /// Patterns of the addresses that a job may name; the profile's own needs no permission.
    pub allowed_urls: Option<Vec<UrlPattern>>,
}

/// A word that is no choice for a rollout that failed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("must be fail, warn or rollback")]
pub struct UnknownChoice;

impl OnFailure {
    /// All choices.
    pub const ALL: [Self; 3] = [Self::Fail, Self::Warn, Self::Rollback];

    /// The word for it in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Rollback => "rollback",
        }
    }
}

impl fmt::Display for OnFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for OnFailure {
    type Err = UnknownChoice;

    fn from_str(word: &str) -> Result<Self, UnknownChoice> {
        Self::ALL.into_iter().find(|choice| choice.name() == word).ok_or(UnknownChoice)
    }
}

impl Probe {
    /// The shortest time between two requests that a profile may set.
    pub(super) const LEAST_INTERVAL: Duration = Duration::from_millis(100);
}

impl Default for Rollout {
    fn default() -> Self {
        Self {
            wait: true,
            on_failure: OnFailure::default(),
            allowed_on_failure: OnFailure::ALL.into(),
            on_superseded: OnSuperseded::default(),
            progress_deadline: Duration::from_mins(10),
            deadline: Duration::from_hours(1),
            advice: Advice::default(),
            probe: Probe::default(),
        }
    }
}

impl Default for Probe {
    fn default() -> Self {
        Self {
            url: None,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(5),
            status: Statuses::default(),
            max_failed_requests: None,
            allowed_urls: None,
        }
    }
}

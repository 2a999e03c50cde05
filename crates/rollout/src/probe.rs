//! Requests to a URL while a rollout goes on, on fresh connections and on a kept one.
//!
//! A user with a new connection and one whose browser keeps its connection meet different faults
//! of a rollout: the one a task that doesn't listen yet, the other a task that is ending. So at
//! each interval one request goes out on a connection of its own, and one on a connection that is
//! kept for as long as the server keeps it. The first kind overlap when answers are slow, up to a
//! bound; on the kept connection the next one waits for the answer.
//!
//! A server may close a connection on which nothing is asked
//! (<https://www.rfc-editor.org/rfc/rfc9112#section-9.5>): the next request opens another one, and
//! nothing has failed. Only a request that was sent and not answered as expected has.
//!
//! Redirections are answers and aren't followed. Proxies of the environment are not used: what is
//! measured is the way from this machine to the URL. Memory doesn't grow with time: counters are
//! kept, and outages up to a bound, but no requests.

mod asker;
mod connection;
mod fault;
mod lookup;
mod sender;
mod tally;
#[cfg(test)]
mod tests;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use job::Result;
use job::settings::{self, ProbeUrl, Statuses};
use rustls::RootCertStore;
use serde::Serialize;

pub use sender::Running;
pub use tally::Measured;
pub use verdict::TooManyFailed;

use asker::Asker;

/// What is asked, how often, and what a good answer is.
#[derive(Clone, Debug)]
pub struct ProbeOptions {
    /// Where the requests go.
    pub url: ProbeUrl,
    /// From the beginning of one to that of the next.
    pub interval: Duration,
    /// Longest time of one, from the name's lookup to the end of the answer.
    pub timeout: Duration,
    /// The statuses that are successes.
    pub statuses: Statuses,
    /// Who vouches for a server's certificate.
    pub roots: Roots,
}

/// Who vouches for a server's certificate.
#[derive(Clone, Debug)]
pub enum Roots {
    /// Whom this machine trusts.
    System,
    /// These.
    Given(Arc<RootCertStore>),
}

impl ProbeOptions {
    /// As the profile and the job say; none if they name no URL.
    pub fn of(probe: &settings::Probe) -> Option<Self> {
        Some(Self {
            url: probe.url.clone()?,
            interval: probe.interval,
            timeout: probe.timeout,
            statuses: probe.status.clone(),
            roots: Roots::System,
        })
    }
}

/// Sends requests from now on, in a task of the current runtime, until the [`Running`] is stopped
/// or dropped.
///
/// # Errors
/// The system's, if the URL is `https` and this machine trusts no certificate authority; the job's,
/// if no request can be made of the URL.
pub fn start(options: ProbeOptions) -> Result<Running> {
    let interval = options.interval;
    Asker::new(options).map(|asker| Running::start(asker, interval))
}

/// What the requests met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Probed {
    /// Where they went; without user, password and query.
    pub url: String,
    /// On a new connection each.
    pub fresh: Count,
    /// On one connection that is kept.
    pub kept: Count,
    /// The longest time in which no request succeeded.
    ///
    /// Measured between the ends of two successes that follow each other, on whichever connection,
    /// with nothing taken off: where all is well it is about the interval. The time from the first
    /// request to the end of the first success counts too, and so does that from the last success
    /// to the moment when the sending was stopped.
    pub longest_gap: Duration,
    /// The failed requests that belong together, the first 20 of them.
    pub outages: Vec<Outage>,
}

/// How many requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Sent and ended.
    pub sent: u64,
    /// Of those, failed.
    pub failed: u64,
}

/// Failed requests that belong together: between them no request of their kind succeeded, or they
/// were under way at the same time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outage {
    /// When the first one began, since the watch began; negative ones count as zero.
    pub from: Duration,
    /// When the last one ended.
    pub until: Duration,
    /// How many.
    pub failed: u64,
    /// The first one's error: `503 Service Unavailable`, `connection refused`.
    pub error: String,
    /// What the rollout was doing then: `whoami_hello: slot 2 starting on worker1`.
    pub meanwhile: Vec<String>,
}

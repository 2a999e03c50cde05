//! Whether the requests that failed are a verdict.

use thiserror::Error;

use super::Probed;

/// More requests failed than may.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{failed} of {sent} requests to {url} failed, and {permitted} may at most")]
pub struct TooManyFailed {
    /// How many failed.
    pub failed: u64,
    /// Of how many.
    pub sent: u64,
    /// How many may.
    pub permitted: u64,
    /// Where they went; without user, password and query.
    pub url: String,
}

impl Probed {
    /// How many requests were sent and ended, of both kinds.
    pub fn sent(&self) -> u64 {
        self.fresh.sent.saturating_add(self.kept.sent)
    }

    /// How many of them failed.
    pub fn failed(&self) -> u64 {
        self.fresh.failed.saturating_add(self.kept.failed)
    }

    /// Whether more failed than `most`.
    pub fn exceeds(&self, most: u64) -> bool {
        self.failed() > most
    }

    /// The verdict, where `max_failed_requests` makes it one and too many failed.
    pub fn verdict(&self, max_failed_requests: Option<u64>) -> Option<TooManyFailed> {
        let permitted = max_failed_requests.filter(|most| self.exceeds(*most))?;
        Some(TooManyFailed {
            failed: self.failed(),
            sent: self.sent(),
            permitted,
            url: self.url.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::probe::Count;

    #[test]
    fn failures_of_both_kinds_count_and_only_with_a_limit() {
        let probed = Probed {
            url: "https://shop.example.com/".into(),
            fresh: Count { sent: 10, failed: 2 },
            kept: Count { sent: 9, failed: 1 },
            longest_gap: Duration::ZERO,
            outages: Vec::new(),
        };
        for (limit, verdict) in [(None, false), (Some(3), false), (Some(2), true), (Some(0), true)]
        {
            assert_eq!(probed.verdict(limit).is_some(), verdict, "{limit:?}");
        }
        assert_eq!(
            probed.verdict(Some(2)).unwrap().to_string(),
            "3 of 19 requests to https://shop.example.com/ failed, and 2 may at most"
        );
    }
}

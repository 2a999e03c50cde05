//! What both ends of a link go by.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How much a link keeps and how long it waits. Set by `run`, which tells its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// How many bytes each end keeps in each direction: written here and not read there. Who
    /// writes more waits. At a long round trip it bounds the throughput to so much per round trip.
    pub kept: usize,
    /// A side that has had nothing to say for so long gives a sign of life, 29 bytes.
    pub beat: Duration,
    /// A carrier on which nothing has been heard for so long is given up. Several times `beat`.
    pub silence: Duration,
    /// After so long without contact the link is given up, by both ends.
    pub patience: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            kept: 2 << 20,
            beat: Duration::from_secs(2),
            silence: Duration::from_secs(7),
            patience: Duration::from_mins(5),
        }
    }
}

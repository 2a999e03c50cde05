//! Whether the cluster still answers, and for how long it may not.

use std::time::{Duration, Instant};

use job::{Failure, Result};

/// The contact with a cluster.
#[derive(Debug)]
pub(super) struct Contact {
    last: Instant,
    patience: Duration,
}

impl Contact {
    /// Made just now; it may be lost for that long.
    pub(super) fn within(patience: Duration) -> Self {
        Self { last: Instant::now(), patience }
    }

    pub(super) fn made(&mut self) {
        self.last = Instant::now();
    }

    /// # Errors
    /// It has been lost for too long.
    pub(super) fn lost(&self, failure: &Failure) -> Result<()> {
        let silent = self.last.elapsed();
        if silent < self.patience {
            tracing::info!(?silent, %failure, "no look at the cluster");
            return Ok(());
        }
        let silent = humantime::format_duration(Duration::from_secs(silent.as_secs()));
        Err(Failure::system(format!(
            "lost contact with the cluster for {silent}: how the rollout ended is unknown"
        ))
        .caused_by(failure.render())
        .hint("mend the network between runner machine and cluster, or its managers; then look with `docker service ps`, or retry the job"))
    }
}

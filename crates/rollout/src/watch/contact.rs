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
        .caused_by(without_hints(failure))
        .hint("mend the network between runner machine and cluster, or its managers; then look with `docker service ps`, or retry the job"))
    }
}

/// What went wrong at the last look. Its remedy would be that of a cluster which has never answered.
fn without_hints(failure: &Failure) -> String {
    failure.render().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Failure {
        Failure::system("nobody listens").hint("correct the variable")
    }

    #[test]
    fn a_contact_may_be_lost_for_as_long_as_the_patience_lasts() {
        let mut contact = Contact::within(Duration::from_mins(1));
        contact.made();
        assert!(contact.lost(&refused()).is_ok());
    }

    #[test]
    fn then_it_is_the_systems_failure_with_the_remedy_for_that() {
        let failure = Contact::within(Duration::ZERO).lost(&refused()).unwrap_err();
        assert_eq!(failure.blame(), job::Blame::System);
        let text = failure.render();
        assert!(text.contains("lost contact") && text.contains("nobody listens"), "{text}");
        assert!(!text.contains("correct the variable"), "{text}");
    }
}

//! Looks while the script still runs: what it has changed rolls already, and of a slot's failed tasks
//! the swarm remembers only the last few.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use crate::expectation::Expectation;
use crate::ledger::Ledger;
use crate::record::timeline::Timeline;
use crate::swarm::{Look, Wanted};

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(1);

type Timelines = Arc<Mutex<HashMap<String, Timeline>>>;

/// Looks until it is told to end, or dropped.
pub struct Gathering {
    timelines: Timelines,
    looking: AbortOnDropHandle<()>,
}

impl Gathering {
    /// At every service that the ledger knows of; times count from the first change.
    pub fn of(ledger: Ledger) -> Self {
        let timelines = Timelines::default();
        let looking = tokio::spawn(gather(ledger, Arc::clone(&timelines)));
        Self { timelines, looking: AbortOnDropHandle::new(looking) }
    }

    /// Looks no more: a watch does.
    pub fn end(&self) {
        self.looking.abort();
    }

    /// What was seen of a service, which is then forgotten here.
    pub fn take(&self, expectation: &Expectation) -> Timeline {
        let mut timelines = self.timelines.lock().unwrap_or_else(PoisonError::into_inner);
        let mut timeline =
            timelines.remove(&expectation.id).unwrap_or_else(|| Timeline::new(expectation));
        timeline.aim(expectation);
        timeline
    }
}

async fn gather(ledger: Ledger, timelines: Timelines) {
    let mut look = Look::default();
    loop {
        tokio::time::sleep(INTERVAL).await;
        let expectations = ledger.expectations();
        let wanted: Vec<_> = expectations.iter().map(Wanted::of).collect();
        let snapshots = match look.at(ledger.swarm(), &wanted, ledger.began().elapsed()).await {
            Ok(snapshots) => snapshots,
            Err(failure) => {
                tracing::info!(%failure, "no look at the cluster while the script runs");
                continue;
            }
        };
        let mut timelines = timelines.lock().unwrap_or_else(PoisonError::into_inner);
        for (expectation, snapshot) in expectations.iter().zip(&snapshots) {
            let timeline = timelines.entry(expectation.id.clone());
            let timeline = timeline.or_insert_with(|| Timeline::new(expectation));
            timeline.aim(expectation);
            timeline.see(snapshot);
        }
    }
}

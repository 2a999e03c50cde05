//! Requests from before the first change until after the last verdict.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use job::settings;
use rollout::probe::{self, Outage, ProbeOptions, Probed, Running};
use rollout::watch::Watch;

use crate::job_log::JobLog;

/// A probe that waits for the first change. Clones share it.
#[derive(Clone)]
pub(super) struct Probing {
    options: ProbeOptions,
    log: JobLog,
    running: Arc<Mutex<Option<Running>>>,
}

impl Probing {
    /// As profile and job say; none if they name no URL.
    pub(super) fn of(probe: &settings::Probe, log: JobLog) -> Option<Self> {
        let options = ProbeOptions::of(probe)?;
        Some(Self { options, log, running: Arc::default() })
    }

    /// Sends requests from now on, unless it does already.
    pub(super) fn begin(&self) {
        let mut running = self.running();
        if running.is_none() {
            match probe::start(self.options.clone()) {
                Ok(started) => *running = Some(started),
                Err(failure) => self.log.failure(&failure),
            }
        }
    }

    /// Sends no more, and tells what the requests met while those rollouts went on; nothing if none
    /// was sent.
    pub(super) async fn stop(self, watch: &Watch, began: Instant) -> Option<Probed> {
        let running = self.running().take()?;
        let mut probed = running.stop().await.since(began.into());
        for outage in &mut probed.outages {
            outage.meanwhile = meanwhile(watch, outage);
        }
        Some(probed)
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn meanwhile(watch: &Watch, outage: &Outage) -> Vec<String> {
    let each = watch.watched.iter();
    each.flat_map(|watched| watched.timeline.meanwhile(outage.from, outage.until)).collect()
}

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

    /// What the requests have met so far while those rollouts went on; nothing if none was sent.
    pub(super) fn so_far(&self, watch: &Watch, began: Instant) -> Option<Probed> {
        let measured = self.running().as_ref()?.so_far();
        Some(with_rollouts(measured.since(began.into()), watch))
    }

    /// Sends no more, waits for the requests that are under way, and tells what all of them met.
    pub(super) async fn stop(self, watch: &Watch, began: Instant) -> Option<Probed> {
        let running = self.running().take()?;
        Some(with_rollouts(running.stop().await.since(began.into()), watch))
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same with what the rollouts were doing at each outage.
fn with_rollouts(mut probed: Probed, watch: &Watch) -> Probed {
    for Outage { from, until, meanwhile, .. } in &mut probed.outages {
        let each = watch.watched.iter();
        *meanwhile = each.flat_map(|watched| watched.timeline.meanwhile(*from, *until)).collect();
    }
    probed
}

//! What the line is like at this moment, and what has passed over it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

/// What has passed a proxy. Bytes are counted where they come in, so what is still under way is
/// among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// Connections that were accepted.
    pub connections: u64,
    /// Bytes from clients.
    pub to_engine: u64,
    /// Bytes from the engine.
    pub from_engine: u64,
    /// How often the engine spoke after a client had spoken, per connection and summed up: the
    /// round trips that somebody waited for if each connection serves one request at a time. TLS
    /// handshakes are among them, TCP's are not.
    pub round_trips: u64,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaker {
    Client,
    Engine,
}

/// The state that all connections of a proxy share.
#[derive(Debug, Default)]
pub(super) struct Line {
    delay: Mutex<Duration>,
    /// How many more bytes may pass before everything is cut; none: as many as you like.
    left: Mutex<Option<u64>>,
    used_up: Notify,
    silent: watch::Sender<bool>,
    connections: AtomicU64,
    to_engine: AtomicU64,
    from_engine: AtomicU64,
    round_trips: AtomicU64,
}

impl Line {
    pub(super) fn set_delay(&self, each_way: Duration) {
        *locked(&self.delay) = each_way;
    }

    pub(super) fn delay(&self) -> Duration {
        *locked(&self.delay)
    }

    pub(super) fn grant(&self, bytes: u64) {
        *locked(&self.left) = Some(bytes);
        if bytes == 0 {
            self.used_up.notify_one();
        }
    }

    /// How many of `wanted` bytes may pass; with the last of a grant the cut is on its way.
    pub(super) fn spend(&self, wanted: usize) -> Allowance {
        let mut left = locked(&self.left);
        let Some(rest) = left.as_mut() else { return Allowance::all(wanted) };
        let bytes = usize::try_from(*rest).map_or(wanted, |rest| rest.min(wanted));
        *rest -= bytes as u64;
        let last = *rest == 0;
        if last && bytes > 0 {
            self.used_up.notify_one();
        }
        Allowance { bytes, last }
    }

    /// Waits until a granted number of bytes has passed.
    pub(super) async fn used_up(&self) {
        while *locked(&self.left) != Some(0) {
            self.used_up.notified().await;
        }
    }

    pub(super) fn fall_silent(&self) {
        self.silent.send_replace(true);
    }

    /// Waits while the line is silent.
    pub(super) async fn clear(&self) {
        // The sender is our own, so the wait can't fail.
        let _ = self.silent.subscribe().wait_for(|silent| !silent).await;
    }

    /// No number of bytes is granted any more.
    pub(super) fn forget_grant(&self) {
        *locked(&self.left) = None;
    }

    pub(super) fn recover(&self) {
        self.forget_grant();
        self.silent.send_replace(false);
    }

    pub(super) fn count_connection(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    pub(super) fn count_bytes(&self, speaker: Speaker, bytes: usize) {
        let counter = match speaker {
            Speaker::Client => &self.to_engine,
            Speaker::Engine => &self.from_engine,
        };
        counter.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn count_round_trip(&self) {
        self.round_trips.fetch_add(1, Relaxed);
    }

    pub(super) fn traffic(&self) -> Traffic {
        Traffic {
            connections: self.connections.load(Relaxed),
            to_engine: self.to_engine.load(Relaxed),
            from_engine: self.from_engine.load(Relaxed),
            round_trips: self.round_trips.load(Relaxed),
        }
    }
}

/// What may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowance {
    pub(super) bytes: usize,
    /// Nothing passes after these: everything is about to be cut.
    pub(super) last: bool,
}

impl Allowance {
    fn all(bytes: usize) -> Self {
        Self { bytes, last: false }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_spent_to_the_byte() {
        let line = Line::default();
        assert_eq!(line.spend(7), Allowance::all(7));
        line.grant(10);
        assert_eq!(line.spend(7), Allowance::all(7));
        assert_eq!(line.spend(7), Allowance { bytes: 3, last: true });
        assert_eq!(line.spend(7), Allowance { bytes: 0, last: true });
        line.recover();
        assert_eq!(line.spend(7), Allowance::all(7));
    }
}

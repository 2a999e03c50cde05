//! The signals by which gitlab-runner, or a person at a terminal, ends a stage.

use std::time::Duration;

use job::{Failure, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that cancel a script; the first asks, a further one insists.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    heard: u32,
}

impl Signals {
    /// From here on the signals no longer end this process.
    pub(super) fn listen() -> Result<Self> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                Failure::system("cannot listen for gitlab-runner's signals")
                    .caused_by(error)
                    .hint("the machine is short of file descriptors: see ulimit -n")
            })
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
            heard: 0,
        })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hang_up.recv() => {}
        }
        self.heard += 1;
    }

    /// Whether there has been one.
    pub(super) fn were_heard(&self) -> bool {
        self.heard > 0
    }

    /// The time that the script's processes get to end: none after a second signal.
    pub(super) fn grace(&self, first: Duration) -> Duration {
        if self.heard > 1 { Duration::ZERO } else { first }
    }
}

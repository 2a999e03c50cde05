//! A first process is the parent of all whose own has ended.

use rustix::io::Errno;
use rustix::process::{WaitOptions, wait};
use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that a first process acts upon between its sessions.
pub(super) struct Signals {
    child: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn catch() -> io::Result<Self> {
        let child = signal(SignalKind::child())?;
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { child, terminate })
    }

    /// The next one. Safe to cancel.
    pub(super) async fn next(&mut self) -> Signalled {
        tokio::select! {
            _ = self.child.recv() => Signalled::Child,
            _ = self.terminate.recv() => Signalled::Terminate,
        }
    }
}

/// What a signal says.
pub(super) enum Signalled {
    /// A child has ended.
    Child,
    /// The container is being stopped.
    Terminate,
}

/// Reaps all that have ended. While a session is served, that is its own affair.
pub(super) fn reap() {
    while matches!(wait(WaitOptions::NOHANG), Ok(Some(_)) | Err(Errno::INTR)) {}
}

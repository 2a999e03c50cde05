//! Who has hung up on which docker connection.
//!
//! With yamux a stream that is dropped after its end of file was sent is dropped silently: the
//! other side may go on writing, is given no more window, and hangs for good. So each side tells
//! the other, on the control stream, when it has dropped a connection, and the other one's writes
//! fail from then on. That also is how the agent knows when a slot is free again on both sides.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// The connections of one side that are not yet dropped on both.
#[derive(Clone)]
pub(crate) struct Hangups {
    tell: Arc<dyn Fn(u32) + Send + Sync>,
    lines: Arc<Mutex<HashMap<u32, Line>>>,
}

#[derive(Default)]
struct Line {
    far_gone: CancellationToken,
    near_gone: bool,
}

impl Hangups {
    /// `tell` sends the message that this side has dropped a connection.
    pub(crate) fn new(tell: impl Fn(u32) + Send + Sync + 'static) -> Self {
        Self { tell: Arc::new(tell), lines: Arc::default() }
    }

    /// Takes up a connection; the token is cancelled when the other side has dropped it, which may
    /// already have been heard: streams overtake each other.
    pub(crate) fn take_up(&self, id: u32) -> CancellationToken {
        self.lines().entry(id).or_default().far_gone.clone()
    }

    /// The other side has dropped a connection.
    pub(crate) fn far(&self, id: u32) {
        let mut lines = self.lines();
        let line = lines.entry(id).or_default();
        line.far_gone.cancel();
        if line.near_gone {
            lines.remove(&id);
        }
    }

    /// This side has dropped a connection.
    pub(crate) fn near(&self, id: u32) {
        let mut lines = self.lines();
        let line = lines.entry(id).or_default();
        line.near_gone = true;
        if line.far_gone.is_cancelled() {
            lines.remove(&id);
        }
        drop(lines);
        (self.tell)(id);
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<u32, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hangup_heard_before_the_connection_arrives_is_not_forgotten() {
        let hangups = Hangups::new(|_| ());
        hangups.far(2);
        assert!(hangups.take_up(2).is_cancelled());
    }

    #[test]
    fn nothing_is_kept_of_a_connection_that_both_sides_have_dropped() {
        let hangups = Hangups::new(|_| ());
        hangups.take_up(2);
        hangups.take_up(4);
        hangups.near(2);
        hangups.far(2);
        hangups.far(4);
        hangups.near(4);
        assert!(hangups.lines().is_empty());
    }
}

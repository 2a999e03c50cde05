//! Cancels, deadlines, and what each of them ends.
//!
//! gitlab-runner 14.7 ends the whole build at a cancel. Since 16.9 a cancel that comes once the
//! user's script has begun ends the script alone; `after_script` and what follows still run. An
//! abort (GitLab's forced cancel) ends the build at any time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// A handle that cancels one played job, from anywhere and at any time. Not to be used twice.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<Tokens>);

#[derive(Debug, Default)]
struct Tokens {
    build: CancellationToken,
    /// Set while a cancel ends less than the whole build.
    script: Mutex<Option<CancellationToken>>,
    requested: CancellationToken,
    hastened: CancellationToken,
}

impl Cancel {
    /// As the button in GitLab does. The stage that runs is sent SIGTERM.
    pub fn cancel(&self) {
        self.0.requested.cancel();
        self.0.on_cancel().cancel();
    }

    /// As GitLab's forced cancel does: nothing but cleanup follows.
    pub fn abort(&self) {
        self.0.requested.cancel();
        self.0.build.cancel();
    }

    /// Aborts, and lets no stage that was sent SIGTERM take its time: SIGKILL comes at once.
    pub fn hasten(&self) {
        self.abort();
        self.0.hastened.cancel();
    }

    /// Whether anyone asked for an end.
    pub fn is_requested(&self) -> bool {
        self.0.requested.is_cancelled()
    }

    pub(crate) async fn hastened(&self) {
        self.0.hastened.cancelled().await;
    }

    /// What the whole build obeys.
    pub(crate) fn build_scope(&self, timeout: Duration) -> Scope {
        Scope { token: self.0.build.clone(), deadline: Instant::now() + timeout }
    }

    /// From here on a cancel ends only what obeys the scope returned.
    pub(crate) fn narrow(&self, build: &Scope) -> Scope {
        let token = build.token.child_token();
        *self.0.script.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        Scope { token, deadline: build.deadline }
    }
}

impl Tokens {
    fn on_cancel(&self) -> CancellationToken {
        let script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        script.as_ref().unwrap_or(&self.build).clone()
    }
}

/// Why a scope ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Cancelled,
    TimedOut,
}

/// What a stage obeys: a cancel and a deadline.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    token: CancellationToken,
    deadline: Instant,
}

impl Scope {
    /// A scope that nobody can cancel, as cleanup has.
    pub(crate) fn unattended(timeout: Duration) -> Self {
        Self { token: CancellationToken::new(), deadline: Instant::now() + timeout }
    }

    /// The same with an earlier deadline.
    pub(crate) fn within(&self, timeout: Duration) -> Self {
        let deadline = self.deadline.min(Instant::now() + timeout);
        Self { token: self.token.clone(), deadline }
    }

    /// Whether it has ended, and why.
    pub(crate) fn end(&self) -> Option<End> {
        if self.token.is_cancelled() {
            return Some(End::Cancelled);
        }
        (Instant::now() >= self.deadline).then_some(End::TimedOut)
    }

    /// Waits for the end.
    pub(crate) async fn ended(&self) -> End {
        tokio::select! {
            biased;
            () = self.token.cancelled() => End::Cancelled,
            () = sleep_until(self.deadline) => End::TimedOut,
        }
    }
}

//! Waiting on a condition, for both test programs of this crate.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// How long a condition may take to come true on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Looks until `fits`; reports what was seen last when it doesn't.
pub(crate) async fn until<T: Debug>(
    what: &str,
    look: impl Fn() -> T,
    fits: impl Fn(&T) -> bool,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = look();
        if fits(&seen) {
            return seen;
        }
        assert!(Instant::now() < deadline, "{what}: not so, but {seen:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

//! Bounded waiting on a condition.
//!
//! A test never sleeps for a fixed time: it asks again and again until the condition holds, and
//! when the limit passes the failure says what was seen last.

use std::time::Duration;

use job::{Failure, Result};
use tokio::time::{Instant, sleep};

/// Time between two looks at a condition.
const INTERVAL: Duration = Duration::from_millis(20);

/// What one look at a condition saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<T> {
    /// The condition holds.
    Ready(T),
    /// Not yet; the text says what there was instead.
    NotYet(String),
    /// It can no longer come true; the text says why.
    Never(String),
}

impl<T> Seen<T> {
    /// Takes a result for the look: an error is "not yet", told by its whole chain.
    pub fn from_result(result: Result<T>) -> Self {
        match result {
            Ok(value) => Self::Ready(value),
            Err(failure) => Self::NotYet(failure.render()),
        }
    }
}

/// Looks until the condition holds, at most for `limit`, and at least once.
///
/// `what` completes the sentence "waited 5s for …".
///
/// # Errors
///
/// Names the limit and the last state seen, or the reason when the condition became impossible.
pub async fn until<T, Look>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Look,
) -> Result<T>
where
    Look: Future<Output = Seen<T>>,
{
    let start = Instant::now();
    loop {
        match look().await {
            Seen::Ready(value) => return Ok(value),
            Seen::Never(reason) => {
                return Err(Failure::system(format!("{what} will not happen: {reason}")));
            }
            Seen::NotYet(state) if start.elapsed() >= limit => {
                return Err(Failure::system(format!(
                    "waited {limit:?} for {what}; last seen: {state}"
                )));
            }
            Seen::NotYet(_) => sleep(INTERVAL).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test]
    async fn a_condition_that_comes_true_yields_its_value() {
        let looks = Cell::new(0);
        let value = until("the third look", Duration::from_secs(5), || async {
            looks.set(looks.get() + 1);
            if looks.get() == 3 { Seen::Ready("here") } else { Seen::NotYet("early".into()) }
        });
        assert_eq!(value.await.unwrap(), "here");
        assert_eq!(looks.get(), 3);
    }

    #[tokio::test]
    async fn the_limit_reports_the_last_state_seen() {
        let never = until::<(), _>("a reply", Duration::ZERO, || async {
            Seen::NotYet("connection refused".into())
        });
        assert_eq!(
            never.await.unwrap_err().render(),
            "waited 0ns for a reply; last seen: connection refused"
        );
    }

    #[tokio::test]
    async fn an_impossible_condition_ends_at_once() {
        let dead = until::<(), _>("a reply", Duration::from_hours(1), || async {
            Seen::Never("the engine died".into())
        });
        assert_eq!(dead.await.unwrap_err().render(), "a reply will not happen: the engine died");
    }
}

//! How long to wait before the next attempt: longer each time, and never in step with others.

use super::hello::random;
use std::time::Duration;

const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// The pauses after one contact.
pub(super) struct Pauses(Duration);

impl Default for Pauses {
    fn default() -> Self {
        Self(SHORTEST)
    }
}

impl Pauses {
    /// Between a half and the whole of a span that doubles up to two seconds.
    pub(super) fn next(&mut self) -> Duration {
        let whole = self.0;
        self.0 = LONGEST.min(whole * 2);
        let [jitter] = random().unwrap_or([u8::MAX]);
        whole / 2 + whole / 2 * u32::from(jitter) / u32::from(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_from_fifty_milliseconds_to_two_seconds() {
        let mut pauses = Pauses::default();
        let first = pauses.next();
        assert!((SHORTEST / 2..=SHORTEST).contains(&first), "{first:?}");
        let last = std::iter::repeat_with(|| pauses.next()).nth(20).unwrap();
        assert!((LONGEST / 2..=LONGEST).contains(&last), "{last:?}");
    }
}

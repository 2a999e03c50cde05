//! How often something may be told.

use std::time::Duration;

/// Never two lines within this.
const SHORTEST: Duration = Duration::from_secs(1);

/// What is new is held back no longer than this.
const LONGEST: Duration = Duration::from_mins(1);

/// So many urgent lines don't wait longer than [`SHORTEST`].
const URGENT: u32 = 4;

/// When one teller told something last, and how much haste it has had.
#[derive(Debug, Default)]
pub(super) struct Pace {
    last: Option<Duration>,
    hasty: u32,
}

impl Pace {
    /// Whether a line may be told now; if so, it is taken as told.
    ///
    /// Between two lines half as much time passes as since the watch began, so that the log grows
    /// by the logarithm of its duration; times the number of tellers, who share the log.
    pub(super) fn allows(&mut self, at: Duration, urgent: bool, tellers: usize) -> bool {
        let tellers = u32::try_from(tellers).unwrap_or(u32::MAX);
        let passed = self.last.map_or(Duration::MAX, |last| at.saturating_sub(last));
        let gap = at.saturating_mul(tellers) / 2;
        let in_time = passed >= gap.clamp(SHORTEST, LONGEST);
        let hasty = !in_time && urgent && self.hasty < URGENT && passed >= SHORTEST;
        if in_time || hasty {
            self.last = Some(at);
            self.hasty += u32::from(hasty);
        }
        in_time || hasty
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(seconds: u64, urgent: bool, tellers: usize) -> Vec<u64> {
        let mut pace = Pace::default();
        let allows = |tick: &u64| pace.allows(Duration::from_millis(tick * 250), urgent, tellers);
        (0..seconds * 4).filter(allows).collect()
    }

    #[test]
    fn lines_get_rarer_with_time() {
        assert_eq!(told(60, false, 1), [0, 4, 8, 16, 32, 64, 128]);
        assert!(told(3600, false, 1).len() < 70);
        assert!(told(60, false, 3).len() <= told(60, false, 1).len());
    }

    #[test]
    fn what_is_urgent_waits_a_second_only_but_not_without_end() {
        let told = told(60, true, 1);
        assert!(told.windows(2).all(|pair| pair[1] - pair[0] >= 4));
        assert_eq!(told.len(), 7 + usize::try_from(URGENT).unwrap() - 1);
    }
}

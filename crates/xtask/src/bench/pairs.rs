//! Two ways of doing the same that take turns, and what is told from it.
//!
//! Figures that compare are medians over the pairs, not quotients of medians: the two halves of a
//! pair met the same weather.

use std::fmt;
use std::time::{Duration, Instant};

use job::Result;

/// What one pair took: the plain way, then ours. In seconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pairs(Vec<(f64, f64)>);

impl Pairs {
    /// Does it the plain way and ours in turns, after one turn each that doesn't count.
    pub(crate) async fn take(
        count: usize,
        plain: impl AsyncFn() -> Result<()>,
        ours: impl AsyncFn() -> Result<()>,
    ) -> Result<Self> {
        plain().await?;
        ours().await?;
        let mut pairs = Self::default();
        for _ in 0..count {
            pairs.add(timed(&plain).await?, timed(&ours).await?);
        }
        Ok(pairs)
    }

    /// Adds one pair.
    pub(crate) fn add(&mut self, plain: Duration, ours: Duration) {
        self.0.push((plain.as_secs_f64(), ours.as_secs_f64()));
    }

    pub(crate) fn plain(&self) -> Spread {
        Spread::of(self.0.iter().map(|(plain, _)| *plain))
    }

    pub(crate) fn ours(&self) -> Spread {
        Spread::of(self.0.iter().map(|(_, ours)| *ours))
    }

    /// How many times as long our way takes.
    pub(crate) fn ratio(&self) -> f64 {
        Spread::of(self.0.iter().map(|(plain, ours)| ours / plain)).median
    }

    /// How much longer our way takes, in seconds.
    pub(crate) fn added(&self) -> f64 {
        Spread::of(self.0.iter().map(|(plain, ours)| ours - plain)).median
    }
}

async fn timed(act: &impl AsyncFn() -> Result<()>) -> Result<Duration> {
    let began = Instant::now();
    act().await?;
    Ok(began.elapsed())
}

/// The middle and the ends of what was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<_> = values.collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let (last, middle) = (values.len().saturating_sub(1), values.len() / 2);
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(at(middle.saturating_sub(1)), at(middle))
        } else {
            at(middle)
        };
        Self { min: at(0), median, max: at(last) }
    }

    /// Seconds, shown as milliseconds.
    pub(crate) fn milliseconds(self) -> String {
        self.scaled(1e3, " ms")
    }

    /// Seconds for `size` MiB each, shown as throughput: the longest time is the lowest.
    pub(crate) fn throughput(self, size: f64) -> String {
        let Self { min, median, max } = self;
        Self { min: size / max, median: size / median, max: size / min }.scaled(1.0, " MiB/s")
    }

    fn scaled(self, factor: f64, unit: &str) -> String {
        let [min, median, max] = [self.min, self.median, self.max].map(|v| Short(v * factor));
        format!("{median}{unit} ({min}–{max})")
    }
}

/// A number with about three digits.
pub(crate) struct Short(pub(crate) f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = match self.0.abs() {
            large if large >= 100.0 => 0,
            medium if medium >= 10.0 => 1,
            _ => 2,
        };
        write!(f, "{:.digits$}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_the_median_of_the_pairs_and_not_the_quotient_of_medians() {
        let seconds = Duration::from_secs;
        let mut pairs = Pairs::default();
        pairs.add(seconds(1), seconds(2));
        pairs.add(seconds(10), seconds(11));
        pairs.add(seconds(2), seconds(4));
        assert!((pairs.ratio() - 2.0).abs() < 1e-9);
        assert!((pairs.added() - 1.0).abs() < 1e-9);
        assert_eq!(pairs.ours(), Spread { min: 2.0, median: 4.0, max: 11.0 });
    }

    #[test]
    fn the_middle_of_an_even_number_lies_between_two() {
        let spread = Spread::of([4.0, 1.0, 2.0, 3.0].into_iter());
        assert_eq!(spread, Spread { min: 1.0, median: 2.5, max: 4.0 });
    }

    #[test]
    fn the_slowest_transfer_has_the_lowest_throughput() {
        let spread = Spread { min: 1.0, median: 2.0, max: 4.0 };
        assert_eq!(spread.throughput(1000.0), "500 MiB/s (250–1000)");
        assert_eq!(spread.milliseconds(), "2000 ms (1000–4000)");
    }
}

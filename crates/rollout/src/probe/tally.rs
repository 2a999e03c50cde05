//! What the requests met so far: counters, outages up to a bound, the longest gap. Pure; times are
//! durations since the first request.

use std::time::Duration;

use tokio::time::Instant;

use super::{Count, Outage, Probed};

/// How many outages are kept.
const MOST_OUTAGES: usize = 20;

/// The kind of connection that a request goes out on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A new one.
    Fresh,
    /// The one that is kept.
    Kept,
}

/// One request that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) kind: Kind,
    pub(super) from: Duration,
    pub(super) until: Duration,
    /// Why it failed, if it did.
    pub(super) error: Option<String>,
}

/// What the requests met so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    fresh: Track,
    kept: Track,
    longest_gap: Duration,
    last_success: Duration,
    /// Those that nothing belongs to any more, the first ones of them.
    outages: Vec<Outage>,
    latest: Option<Outage>,
}

/// The requests of one kind.
#[derive(Clone, Copy, Debug, Default)]
struct Track {
    count: Count,
    /// Whether the last one failed.
    failing: bool,
}

impl Tally {
    /// Counts one request. They come in the order in which they ended.
    pub(super) fn record(&mut self, ended: Ended) {
        let Ended { kind, from, until, error } = ended;
        let in_a_row = self.fresh.failing || self.kept.failing;
        let track = match kind {
            Kind::Fresh => &mut self.fresh,
            Kind::Kept => &mut self.kept,
        };
        track.count.sent += 1;
        track.failing = error.is_some();
        match error {
            None => self.succeed(until),
            Some(error) => {
                track.count.failed += 1;
                self.fail(from, until, in_a_row, error);
            }
        }
    }

    fn succeed(&mut self, until: Duration) {
        self.longest_gap = self.gap_at(until);
        self.last_success = self.last_success.max(until);
    }

    fn fail(&mut self, from: Duration, until: Duration, in_a_row: bool, error: String) {
        let belongs = |outage: &&mut Outage| in_a_row || from <= outage.until;
        if let Some(outage) = self.latest.as_mut().filter(belongs) {
            outage.from = outage.from.min(from);
            outage.until = outage.until.max(until);
            outage.failed += 1;
            return;
        }
        let outage = Outage { from, until, failed: 1, error, meanwhile: Vec::new() };
        let before = self.latest.replace(outage);
        if self.outages.len() < MOST_OUTAGES {
            self.outages.extend(before);
        }
    }

    /// The longest gap if it lasts until `now`.
    fn gap_at(&self, now: Duration) -> Duration {
        self.longest_gap.max(now.saturating_sub(self.last_success))
    }

    /// What was met by `now`.
    pub(super) fn measured(&self, url: String, began: Instant, now: Duration) -> Measured {
        let mut outages = self.outages.clone();
        outages.extend(self.latest.clone());
        outages.truncate(MOST_OUTAGES);
        let probed = Probed {
            url,
            fresh: self.fresh.count,
            kept: self.kept.count,
            longest_gap: self.gap_at(now),
            outages,
        };
        Measured { probed, began }
    }
}

/// What the requests met, by the clock of the probe.
#[derive(Clone, Debug)]
pub struct Measured {
    probed: Probed,
    began: Instant,
}

impl Measured {
    /// The same with the times of outages since the watch began, which is later as a rule. What the
    /// rollout was doing then is still to be filled in.
    pub fn since(self, watch_began: Instant) -> Probed {
        let Self { mut probed, began } = self;
        let later = watch_began.saturating_duration_since(began);
        let earlier = began.saturating_duration_since(watch_began);
        let shifted = |time: Duration| (time + earlier).saturating_sub(later);
        for outage in &mut probed.outages {
            outage.from = shifted(outage.from);
            outage.until = shifted(outage.until);
        }
        probed
    }
}

#[cfg(test)]
mod tests {
    use super::Kind::{Fresh, Kept};
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// What is met by requests given as kind, begin, end and whether they failed, until `now`.
    fn probed(requests: &[(Kind, u64, u64, bool)], now: u64) -> Probed {
        let mut tally = Tally::default();
        for (kind, from, until, failed) in requests {
            let error = failed.then(|| format!("since {from}"));
            tally.record(Ended { kind: *kind, from: ms(*from), until: ms(*until), error });
        }
        let began = Instant::now();
        tally.measured("http://a/".into(), began, ms(now)).since(began)
    }

    fn outages(probed: &Probed) -> Vec<(u64, u64, u64, &str)> {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap();
        let tell = |o: &'_ Outage| (milliseconds(o.from), milliseconds(o.until), o.failed);
        probed
            .outages
            .iter()
            .map(|outage| {
                let (from, until, failed) = tell(outage);
                (from, until, failed, outage.error.as_str())
            })
            .collect()
    }

    #[test]
    fn requests_are_counted_by_kind() {
        let seen =
            probed(&[(Fresh, 0, 10, false), (Kept, 0, 11, true), (Fresh, 100, 110, true)], 200);
        assert_eq!(seen.fresh, Count { sent: 2, failed: 1 });
        assert_eq!(seen.kept, Count { sent: 1, failed: 1 });
    }

    #[test]
    fn the_longest_gap_lies_between_the_ends_of_successes_of_either_kind() {
        let table: [(&[_], u64, u64); 6] = [
            (&[], 700, 700),
            (&[(Fresh, 0, 300, false)], 400, 300),
            (&[(Fresh, 0, 10, false), (Kept, 90, 100, false)], 120, 90),
            (&[(Fresh, 0, 10, false), (Fresh, 50, 60, true), (Kept, 0, 500, false)], 500, 490),
            (&[(Fresh, 0, 10, false), (Fresh, 50, 60, true)], 900, 890),
            (&[(Fresh, 0, 510, false), (Kept, 400, 500, false)], 520, 510),
        ];
        for (requests, now, gap) in table {
            assert_eq!(probed(requests, now).longest_gap, ms(gap), "{requests:?}");
        }
    }

    #[test]
    fn failures_in_a_row_are_one_outage_and_a_success_of_their_kind_ends_it() {
        let seen = probed(
            &[
                (Fresh, 100, 110, true),
                (Kept, 100, 111, false),
                (Fresh, 200, 210, true),
                (Fresh, 300, 310, false),
                (Kept, 400, 410, true),
                (Fresh, 400, 411, false),
                (Kept, 500, 510, true),
                (Kept, 600, 610, false),
            ],
            700,
        );
        assert_eq!(outages(&seen), [(100, 210, 2, "since 100"), (400, 510, 2, "since 400")]);
    }

    #[test]
    fn requests_that_hung_at_the_same_time_are_one_outage_whatever_succeeded_meanwhile() {
        let seen = probed(
            &[
                (Fresh, 300, 310, false),
                (Fresh, 0, 500, true),
                (Fresh, 510, 520, false),
                (Fresh, 100, 600, true),
                (Fresh, 610, 620, false),
                (Fresh, 200, 700, true),
            ],
            800,
        );
        assert_eq!(outages(&seen), [(0, 700, 3, "since 0")]);
    }

    #[test]
    fn the_first_outages_are_kept_and_every_failure_is_counted() {
        let requests: Vec<_> =
            (0..100).map(|n| (Fresh, n * 100, n * 100 + 10, n % 2 == 0)).collect();
        let seen = probed(&requests, 10_000);
        assert_eq!(seen.fresh, Count { sent: 100, failed: 50 });
        assert_eq!(seen.outages.len(), MOST_OUTAGES);
        assert_eq!(outages(&seen)[19], (3800, 3810, 1, "since 3800"));
    }

    #[test]
    fn what_was_before_the_watch_began_is_at_its_beginning() {
        let mut tally = Tally::default();
        for (from, until) in [(100, 200), (900, 1100)] {
            let error = Some("refused".to_owned());
            tally.record(Ended { kind: Fresh, from: ms(from), until: ms(until), error });
            tally.record(Ended { kind: Fresh, from: ms(until), until: ms(until + 1), error: None });
        }
        let began = Instant::now();
        let measured = || tally.measured("http://a/".into(), began, ms(2000));
        let seen = measured().since(began + ms(1000));
        let words: Vec<_> = seen.outages.iter().map(|o| (o.from, o.until)).collect();
        assert_eq!(words, [(ms(0), ms(0)), (ms(0), ms(100))]);
        let seen = measured().since(began.checked_sub(ms(50)).unwrap());
        assert_eq!(seen.outages[0].from, ms(150));
    }
}

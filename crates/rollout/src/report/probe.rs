//! What the requests met that were sent while the rollouts went on, in up to four lines.

use super::amount::duration;
use super::{Line, Tone};
use crate::probe::{Outage, Probed};

/// So many outages are told, those with most failures.
const MOST_OUTAGES: usize = 2;

/// One line for all is well, else with the worst outages.
pub(super) fn lines(probed: &Probed) -> Vec<Line> {
    let failed = probed.fresh.failed + probed.kept.failed;
    let tone = if failed == 0 { Tone::Good } else { Tone::Bad };
    let mut lines = vec![Line::new(tone, sentence(probed))];
    let mut worst: Vec<_> = probed.outages.iter().collect();
    worst.sort_by_key(|outage| std::cmp::Reverse(outage.failed));
    worst.truncate(MOST_OUTAGES);
    worst.sort_by_key(|outage| outage.from);
    lines.extend(worst.iter().map(|it| Line::new(Tone::Plain, format!("  {}", told(it)))));
    if let Some(more) = probed.outages.len().checked_sub(MOST_OUTAGES).filter(|more| *more > 0) {
        lines.push(Line::new(Tone::Plain, format!("  and {more} more, see rollout.html")));
    }
    lines
}

/// `Probe of URL: 1234 requests, none failed`
pub(super) fn sentence(probed: &Probed) -> String {
    let (fresh, kept) = (probed.fresh, probed.kept);
    let (sent, failed) = (fresh.sent + kept.sent, fresh.failed + kept.failed);
    let gap = duration(probed.longest_gap);
    let url = super::plain::line(&probed.url, 80);
    if failed == 0 {
        return format!("Probe of {url}: {sent} requests, none failed; longest gap {gap}");
    }
    format!(
        "Probe of {url}: {sent} requests, {failed} failed ({} of {} on fresh connections, {} of {} on \
         kept ones); longest gap {gap}",
        fresh.failed, fresh.sent, kept.failed, kept.sent
    )
}

/// `12.3s to 13.5s: 5 failed, 503 Service Unavailable; meanwhile …`
pub(super) fn told(outage: &Outage) -> String {
    let (from, until) = (duration(outage.from), duration(outage.until));
    let meanwhile = match outage.meanwhile.as_slice() {
        [] => "; no task changed then".to_owned(),
        some => format!("; meanwhile {}", some.join("; ")),
    };
    format!("{from} to {until}: {} failed, {}{meanwhile}", outage.failed, outage.error)
}

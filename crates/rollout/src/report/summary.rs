//! The end of the job log: the table, why what failed failed, the probe, advice.

use super::{Line, Tone, advice, explain, probe, sentence, table};
use crate::record::Record;

/// So many services are explained in whole, so many others in a sentence.
const WHOLE: usize = 5;
const SENTENCES: usize = 10;

/// Most lines of advice; fewer where something failed, for that matters more then.
pub(super) const ADVICE: usize = 17;
const LITTLE_ADVICE: usize = 9;

/// All lines, in their order.
pub fn summary(record: &Record) -> Vec<Line> {
    let mut lines = table::lines(&record.rollouts);
    let explained = explanations(record);
    let most_advice = if explained.is_empty() { ADVICE } else { LITTLE_ADVICE };
    lines.extend(explained);
    lines.extend(record.probe.iter().flat_map(probe::lines));
    lines.extend(advice::lines(&record.advice, most_advice));
    if record.cancelled {
        lines.push(Line::new(
            Tone::Warning,
            "The watch was cancelled: the swarm goes on by itself.",
        ));
    }
    lines
}

fn explanations(record: &Record) -> Vec<Line> {
    let wanting = record.rollouts.iter().map(|rollout| (rollout, explain::lines(rollout)));
    let wanting: Vec<_> = wanting.filter(|(_, lines)| !lines.is_empty()).collect();
    let mut lines = Vec::new();
    for (number, (rollout, whole)) in wanting.iter().enumerate() {
        if number < WHOLE {
            lines.extend_from_slice(whole);
        } else if number < WHOLE + SENTENCES {
            lines.push(Line::new(Tone::Bad, sentence::verdict(rollout)));
        } else {
            let more = wanting.len() - number;
            lines.push(Line::new(Tone::Bad, format!("and {more} more, see rollout.html")));
            break;
        }
    }
    lines
}

#[cfg(test)]
mod tests;

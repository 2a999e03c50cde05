//! The rollouts as a table, service by service.

use comfy_table::Table;
use comfy_table::presets::NOTHING;

use super::amount::duration;
use super::{Line, Tone, image, plain, sentence};
use crate::expectation::Deed;
use crate::record::{Asked, Rollout};
use crate::verdict::Outcome;

/// Most rows; of more, those that did not succeed come first.
const MOST_ROWS: usize = 30;

const HEADINGS: [&str; 6] = ["SERVICE", "ASKED", "IMAGE", "REPLICAS", "VERDICT", "TIME"];

/// What the word for it means.
const MEANWHILE: &str =
    "meanwhile: changed while this job ran, past this runner's gateway; by whom is not known";

/// The widest cell of each column.
const WIDTHS: [usize; 6] = [40, 12, 68, 16, 24, 8];

/// The table, heading included.
pub(super) fn lines(rollouts: &[Rollout]) -> Vec<Line> {
    let shown = shown(rollouts);
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(HEADINGS);
    for rollout in &shown {
        table.add_row(cells(rollout));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let tones = std::iter::once(Tone::Heading).chain(shown.iter().map(|rollout| tone(rollout)));
    let mut lines: Vec<_> =
        tones.zip(table.lines()).map(|(tone, line)| Line::new(tone, line)).collect();
    if let Some(more) = rollouts.len().checked_sub(shown.len()).filter(|more| *more > 0) {
        lines.push(Line::new(Tone::Plain, format!("and {more} more, see rollout.html")));
    }
    if shown.iter().any(|rollout| rollout.deed == Deed::ChangedMeanwhile) {
        lines.push(Line::new(Tone::Plain, MEANWHILE));
    }
    lines
}

/// All in their order, or of too many those first that did not succeed.
fn shown(rollouts: &[Rollout]) -> Vec<&Rollout> {
    let mut shown: Vec<_> = rollouts.iter().collect();
    if shown.len() > MOST_ROWS {
        shown.sort_by_key(|rollout| outcome(rollout) == Some(Outcome::Succeeded));
        shown.truncate(MOST_ROWS);
    }
    shown
}

fn cells(rollout: &Rollout) -> [String; 6] {
    let verdict = rollout.verdict.as_ref();
    let asked = match rollout.deed {
        Deed::ChangedMeanwhile => "meanwhile",
        deed => sentence::deed(deed),
    };
    let cells = [
        rollout.name.clone(),
        asked.to_owned(),
        image::change(rollout.before.as_ref(), rollout.after.as_ref()),
        replicas(rollout),
        format!("{} {}", sentence::sign(verdict), sentence::word(verdict)),
        verdict.map(|verdict| duration(verdict.took)).unwrap_or_default(),
    ];
    let mut widths = WIDTHS.iter();
    cells.map(|cell| plain::line(&cell, *widths.next().unwrap_or(&0)))
}

/// `2/3`, `2/5 (was 3)`.
pub(super) fn replicas(rollout: &Rollout) -> String {
    let asked = |asked: &Option<Asked>| asked.as_ref().and_then(|asked| asked.replicas);
    let was = match (asked(&rollout.before), asked(&rollout.after)) {
        (Some(before), Some(after)) if before != after => format!(" (was {before})"),
        _ => String::new(),
    };
    format!("{}/{}{was}", rollout.progress.reached, rollout.progress.wanted)
}

fn outcome(rollout: &Rollout) -> Option<Outcome> {
    rollout.verdict.as_ref().map(|verdict| verdict.outcome)
}

fn tone(rollout: &Rollout) -> Tone {
    match outcome(rollout) {
        Some(Outcome::Succeeded) => Tone::Good,
        Some(Outcome::Failed) => Tone::Bad,
        Some(Outcome::Superseded) | None => Tone::Warning,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_table_of_three_services() {
        let record = sample::failed();
        let lines: Vec<_> = lines(&record.rollouts).iter().map(ToString::to_string).collect();
        assert_eq!(
            lines.join("\n"),
            "\
SERVICE       ASKED    IMAGE                                 REPLICAS     VERDICT        TIME
whoami_hello  updated  registry.example.com/whoami:1 → :2    0/3          ✗ rolled back  24.5s
whoami_redis  updated  redis:7@aaaaaaaaaaaa → @bbbbbbbbbbbb  3/3 (was 1)  ✓ running      9.1s
whoami_agent  created  agent:5                               2/2          – superseded   3.0s"
        );
    }

    #[test]
    fn what_changed_past_the_gateway_is_told_as_that() {
        let [mut rollout, ..] = <[Rollout; 3]>::try_from(sample::failed().rollouts).unwrap();
        rollout.deed = Deed::ChangedMeanwhile;
        let lines = lines(&[rollout]);
        assert!(lines[1].text().contains("  meanwhile  "), "{lines:?}");
        assert!(lines[2].text().contains("changed while this job ran"), "{lines:?}");
    }

    #[test]
    fn of_too_many_those_that_did_not_succeed_come_first() {
        let [failed, succeeded, _] = <[Rollout; 3]>::try_from(sample::failed().rollouts).unwrap();
        let mut rollouts = vec![succeeded; 99];
        rollouts.push(failed);
        let lines = lines(&rollouts);
        assert_eq!(lines.len(), MOST_ROWS + 2);
        assert!(lines[1].text().contains("✗ rolled back"));
        assert_eq!(lines[31].text(), "and 70 more, see rollout.html");
    }
}

//! Why a rollout failed, in a few lines: what happened, to which tasks, and what to do about it.

use super::{Line, Tone, sentence};
use crate::record::{Explanation, Rollout};
use crate::verdict::{Outcome, TaskFailure};

/// Most lines of one service; the files have all.
pub(super) const MOST_LINES: usize = 12;

const MOST_HINTS: usize = 2;
const LOG_LINES: usize = 4;
const HEALTH_LINES: usize = 2;

/// The lines of one service; none if all is well with it.
pub(super) fn lines(rollout: &Rollout) -> Vec<Line> {
    let tone = match rollout.verdict.as_ref().map(|verdict| verdict.outcome) {
        Some(Outcome::Succeeded) if rollout.undone.is_none() => return Vec::new(),
        Some(Outcome::Failed) => Tone::Bad,
        _ => Tone::Warning,
    };
    let mut lines = vec![Line::new(tone, sentence::verdict(rollout))];
    let hints = hints(rollout);
    let room = MOST_LINES - 2 - hints.len();
    lines.extend(failures(rollout, room));
    lines.extend(hints.iter().map(|hint| Line::new(Tone::Plain, format!("  hint: {hint}"))));
    if let Some(undone) = &rollout.undone {
        let text = format!("  {}", sentence::undone(&rollout.name, undone));
        lines.push(Line::new(Tone::Warning, text));
    }
    lines
}

/// Failures of one kind: one that is told whole, and the places of all others.
pub(super) struct Kind<'a> {
    pub(super) failure: &'a TaskFailure,
    pub(super) node: Option<&'a str>,
    pub(super) explanation: Option<&'a Explanation>,
    pub(super) others: Vec<String>,
}

/// The failures of a rollout, by kind.
pub(super) fn kinds(rollout: &Rollout) -> Vec<Kind<'_>> {
    let explained = rollout.explanations.iter().map(|it| (&it.failure, Some(it)));
    let known = |task: &str| rollout.explanations.iter().any(|it| it.failure.task == task);
    let bare = rollout.verdict.iter().flat_map(|verdict| &verdict.failures);
    let bare = bare.filter(|failure| !known(&failure.task)).map(|failure| (failure, None));
    let mut kinds: Vec<Kind<'_>> = Vec::new();
    for (failure, explanation) in explained.chain(bare) {
        let node = explanation.and_then(|it: &Explanation| it.node.as_deref());
        match kinds.iter_mut().find(|kind| same(kind.failure, failure)) {
            Some(kind) => kind.others.push(sentence::place(failure, node)),
            None => kinds.push(Kind { failure, node, explanation, others: Vec::new() }),
        }
    }
    kinds
}

fn same(one: &TaskFailure, other: &TaskFailure) -> bool {
    (one.state, one.exit_code, &one.error) == (other.state, other.exit_code, &other.error)
}

fn failures(rollout: &Rollout, room: usize) -> Vec<Line> {
    let kinds = kinds(rollout);
    // What a task printed is told of one kind; one that still waits has printed nothing.
    let telling = kinds.iter().position(|kind| kind.explanation.is_some_and(tells));
    let mut lines = Vec::new();
    for (number, kind) in kinds.iter().enumerate() {
        // The last line is for what has no room.
        if lines.len() + 2 >= room && number + 1 < kinds.len() {
            let more = kinds.len() - number;
            lines.push(format!("  and {more} other kinds of failure, see rollout.html"));
            break;
        }
        lines.push(format!("  {}", sentence::failure(kind.failure, kind.node)));
        if let Some(explanation) = kind.explanation.filter(|_| telling == Some(number)) {
            // One line for the same elsewhere, and one or two for what else failed.
            let kept = 1 + (kinds.len() - number - 1).min(2);
            let left = room.saturating_sub(lines.len() + kept);
            lines.extend(details(explanation).into_iter().take(left));
        }
        if let Some(others) = others(&kind.others) {
            lines.push(others);
        }
    }
    lines.truncate(room);
    lines.iter().map(|line| Line::new(Tone::Plain, line)).collect()
}

fn tells(explanation: &Explanation) -> bool {
    !explanation.health.is_empty() || !explanation.log.is_empty()
}

fn details(explanation: &Explanation) -> Vec<String> {
    let health = last(&explanation.health, HEALTH_LINES).iter().map(|result| {
        format!("    health check, exit code {}: {}", result.exit_code, result.output.trim())
    });
    let log = last(&explanation.log, LOG_LINES).iter().map(|line| format!("    log: {line}"));
    let mut lines: Vec<_> = health.chain(log).collect();
    lines.dedup();
    lines
}

fn others(places: &[String]) -> Option<String> {
    let named = places.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
    match places.len() {
        0 => None,
        1..=3 => Some(format!("    the same: {named}")),
        more => Some(format!("    the same: {named} and {} more", more - 3)),
    }
}

/// Each hint once, the first few.
fn hints(rollout: &Rollout) -> Vec<&str> {
    let mut hints = Vec::new();
    for hint in rollout.explanations.iter().flat_map(|explanation| &explanation.hints) {
        if !hints.contains(&hint.as_str()) {
            hints.push(hint.as_str());
        }
    }
    hints.truncate(MOST_HINTS);
    hints
}

fn last<T>(all: &[T], most: usize) -> &[T] {
    all.get(all.len().saturating_sub(most)..).unwrap_or_default()
}

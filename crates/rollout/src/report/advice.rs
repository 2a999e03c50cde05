//! Advice, short: each rule once, for all services that it applies to.

use super::{Line, Tone};
use crate::advise::Advice;

/// One piece of advice, and the services that it is for.
pub(super) struct Piece<'a> {
    pub(super) services: Vec<&'a str>,
    pub(super) advice: &'a Advice,
}

impl Piece<'_> {
    /// The rule's name.
    pub(super) fn rule(&self) -> String {
        rule(self.advice)
    }

    /// `web, api and 3 more`.
    fn names(&self) -> String {
        match self.services.as_slice() {
            [first, second, rest @ ..] if rest.len() > 1 => {
                format!("{first}, {second} and {} more", rest.len())
            }
            few => few.join(", "),
        }
    }

    fn head(&self) -> String {
        format!("  {} ({}): {}", self.rule(), self.names(), self.advice.reason)
    }
}

/// The rule's name, as a profile has it.
pub(super) fn rule(advice: &Advice) -> String {
    let name = serde_json::to_value(advice.rule).ok();
    name.as_ref().and_then(|name| name.as_str()).unwrap_or_default().to_owned()
}

/// Advice of the same words put together, in the order in which it came.
pub(super) fn pieces(advice: &[Advice]) -> Vec<Piece<'_>> {
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    for advice in advice {
        let same = |piece: &&mut Piece<'_>| {
            let other = piece.advice;
            (other.rule, &other.reason, &other.lines)
                == (advice.rule, &advice.reason, &advice.lines)
        };
        match pieces.iter_mut().find(same) {
            Some(piece) => piece.services.push(&advice.service),
            None => pieces.push(Piece { services: vec![&advice.service], advice }),
        }
    }
    pieces
}

/// At most so many lines, heading included: with the lines to write as they are where all have room,
/// else in one line each; what has no room even so is left to the page.
pub(super) fn lines(advice: &[Advice], most: usize) -> Vec<Line> {
    let pieces = pieces(advice);
    if pieces.is_empty() {
        return Vec::new();
    }
    let mut lines = vec!["Advice, so that the next deploy drops no requests:".to_owned()];
    let whole: Vec<_> = pieces.iter().flat_map(whole).collect();
    if whole.len() < most {
        lines.extend(whole);
    } else {
        let room = most.saturating_sub(2) / 2;
        lines.extend(pieces.iter().take(room).flat_map(short));
        if let Some(left) = pieces.len().checked_sub(room).filter(|left| *left > 0) {
            lines.push(format!("  and {left} more, see rollout.html"));
        }
    }
    let tones = std::iter::once(Tone::Heading).chain(std::iter::repeat(Tone::Plain));
    tones.zip(lines).map(|(tone, line)| Line::new(tone, line)).collect()
}

fn whole(piece: &Piece<'_>) -> Vec<String> {
    let lines = piece.advice.lines.lines().map(|line| format!("      {line}"));
    std::iter::once(piece.head()).chain(lines).collect()
}

/// The lines to write as one: `services: › web: › deploy: › update_config: › order: start-first`
fn short(piece: &Piece<'_>) -> [String; 2] {
    let lines: Vec<_> = piece.advice.lines.lines().map(str::trim).collect();
    [piece.head(), format!("      {}", lines.join(" › "))]
}

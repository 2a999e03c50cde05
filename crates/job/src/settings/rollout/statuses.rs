//! Statuses of HTTP that count as successes: `200`, `200-299`, several of them.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use thiserror::Error;

/// The statuses that an answer can have in the end: those below only announce one
/// (<https://www.rfc-editor.org/rfc/rfc9110#section-15>).
const FINAL: RangeInclusive<u16> = 200..=599;

/// Statuses of HTTP. Displays as `200-299, 404`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statuses(Vec<RangeInclusive<u16>>);

/// A text that names no statuses.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("must be statuses from 200 to 599 such as 200 or \"200-299\"")]
pub struct NotAStatus;

impl Statuses {
    /// Whether `status` is one of them.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }

    /// All of `parts` as one; none if there is nothing in them.
    pub(in crate::settings) fn all(parts: impl IntoIterator<Item = Self>) -> Option<Self> {
        let ranges: Vec<_> = parts.into_iter().flat_map(|Self(ranges)| ranges).collect();
        (!ranges.is_empty()).then_some(Self(ranges))
    }
}

impl Default for Statuses {
    /// Success or redirection, which is not followed.
    fn default() -> Self {
        Self(vec![200..=399])
    }
}

impl FromStr for Statuses {
    type Err = NotAStatus;

    fn from_str(text: &str) -> Result<Self, NotAStatus> {
        text.split(',')
            .map(|part| range(part).ok_or(NotAStatus))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (status(first)?, status(last)?);
    (first <= last).then_some(first..=last)
}

fn status(text: &str) -> Option<u16> {
    text.trim().parse().ok().filter(|status| FINAL.contains(status))
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, range) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            let (first, last) = (range.start(), range.end());
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}-{last}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_numbers_and_ranges() {
        let table = [
            ("200", "200", &[200][..], &[199, 201][..]),
            ("200-299", "200-299", &[200, 250, 299], &[300]),
            (" 200 , 301-302,404 ", "200, 301-302, 404", &[200, 301, 302, 404], &[201, 300, 303]),
        ];
        for (text, shown, inside, outside) in table {
            let statuses: Statuses = text.parse().unwrap();
            assert_eq!(statuses.to_string(), shown);
            assert!(inside.iter().all(|status| statuses.contains(*status)), "{text}");
            assert!(!outside.iter().any(|status| statuses.contains(*status)), "{text}");
        }
        for text in ["", ",", "2xx", "100", "600", "299-200", "200-", "-200", "200 404", "200,"] {
            assert_eq!(text.parse::<Statuses>(), Err(NotAStatus), "{text}");
        }
    }
}

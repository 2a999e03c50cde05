//! Takes the values of masked variables out of everything that is reported.
//!
//! gitlab-runner masks the job log, but no artifacts; and a task's log or error may well hold what
//! the job gave the task as its environment.

use std::fmt;
use std::ops::Range;

use aho_corasick::{AhoCorasick, BuildError};

use super::plain;
use crate::record::Record;

/// As in GitLab, shorter values are not masked
/// (<https://docs.gitlab.com/ci/variables/#mask-a-cicd-variable>): they would be found everywhere.
const SHORTEST: usize = 8;

const MASK: &str = "[MASKED]";

/// Finds secret values and masks them.
#[derive(Clone, Default)]
pub struct Masker {
    values: Option<AhoCorasick>,
}

impl Masker {
    /// For these values. Of one with several lines each line is a secret too, for logs are read
    /// line by line.
    pub fn new<Value: AsRef<str>>(
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Self, BuildError> {
        let mut secrets = Vec::new();
        for value in values {
            let value = value.as_ref();
            secrets.push(value.to_owned());
            secrets.extend(value.lines().map(|line| line.trim().to_owned()));
        }
        secrets.retain(|secret| secret.chars().count() >= SHORTEST);
        let values = (!secrets.is_empty()).then(|| AhoCorasick::new(&secrets)).transpose()?;
        Ok(Self { values })
    }

    /// The text with `[MASKED]` wherever it holds one of the values, or several that overlap.
    pub fn mask(&self, text: &str) -> String {
        let mut masked = String::with_capacity(text.len());
        let mut end = 0;
        for found in self.found(text) {
            masked.push_str(text.get(end..found.start).unwrap_or_default());
            masked.push_str(MASK);
            end = found.end;
        }
        masked.push_str(text.get(end..).unwrap_or_default());
        masked
    }

    fn found(&self, text: &str) -> Vec<Range<usize>> {
        let found = self.values.iter().flat_map(|values| values.find_overlapping_iter(text));
        let mut found: Vec<_> = found.map(|found| found.range()).collect();
        found.sort_by_key(|range| range.start);
        found.dedup_by(|next, one| {
            let overlaps = next.start < one.end;
            if overlaps {
                one.end = one.end.max(next.end);
            }
            overlaps
        });
        found
    }
}

/// Without the values.
impl fmt::Debug for Masker {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Masker").finish_non_exhaustive()
    }
}

impl Record {
    /// The same record, safe to show: every text masked, and cleaned as [`plain::text`] does.
    ///
    /// Masked a second time after the cleaning, which may bring together what an ANSI sequence had
    /// torn apart.
    #[must_use]
    pub fn masked(self, masker: &Masker) -> Self {
        self.with_texts(|text| masker.mask(&plain::text(&masker.mask(text))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn masker() -> Masker {
        Masker::new(["hunter2-hunter2", "ter2-hunter2-and-more", "short", "one line\nanother line"])
            .unwrap()
    }

    #[test]
    fn values_are_masked_and_short_ones_are_not() {
        for (text, expected) in [
            ("password=hunter2-hunter2;", "password=[MASKED];"),
            ("hunter2-hunter2hunter2-hunter2", "[MASKED][MASKED]"),
            ("xhunter2-hunter2-and-more", "x[MASKED]"),
            ("short", "short"),
            ("see another line.", "see [MASKED]."),
            ("one line\nanother line", "[MASKED]"),
            ("äöü", "äöü"),
        ] {
            assert_eq!(masker().mask(text), expected, "{text}");
        }
    }

    #[test]
    fn nothing_to_mask_leaves_all_as_it_is() {
        assert_eq!(Masker::default().mask("as it is"), "as it is");
        assert_eq!(Masker::new([""]).unwrap().mask("as it is"), "as it is");
    }

    #[test]
    fn debug_shows_no_value() {
        assert!(!format!("{:?}", masker()).contains("hunter2"));
    }

    #[test]
    fn every_text_of_a_record_is_masked_also_when_torn_apart() {
        let mut record = sample::failed();
        let mut texts = 0;
        record.each_text(&mut |text| {
            texts += 1;
            *text = format!("{texts} hunter2-hunter2 hunter2\x1b[0m-hunter2");
        });
        let mut masked = 0;
        record.masked(&masker()).each_text(&mut |text| {
            masked += 1;
            assert_eq!(*text, format!("{masked} [MASKED] [MASKED]"));
        });
        assert!(texts > 30 && masked == texts, "{texts} {masked}");
    }

    #[test]
    fn no_report_holds_a_masked_value() {
        let mut record = sample::failed();
        record.each_text(&mut |text| text.push_str(" hunter2-hunter2"));
        let record = record.masked(&masker());
        let log: String = crate::report::summary(&record).iter().map(ToString::to_string).collect();
        for report in [
            log,
            crate::report::json(&record),
            crate::report::html(&record),
            crate::report::junit(&record),
        ] {
            assert!(!report.contains("hunter2") && report.contains("[MASKED]"), "{report}");
        }
    }
}

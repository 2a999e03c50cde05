//! The section of the job log that tells of the rollouts.

use std::time::SystemTime;

use rollout::expectation::Expectation;
use rollout::record::Record;
use rollout::report::{self, Line, LogLines, Masker, Tone, section};
use rollout::watch::News;

use crate::job_log::JobLog;

/// The section's name, as GitLab knows it.
const SECTION: &str = "swarm_rollout";

/// Tells of the rollouts, from the section's beginning to its end.
pub(super) struct Telling {
    log: JobLog,
    masker: Masker,
    lines: LogLines,
}

impl Telling {
    /// Begins the section.
    pub(super) fn begin(log: JobLog, expectations: &[Expectation], masker: &Masker) -> Self {
        let header = match expectations {
            [one] => format!("Waiting for the rollout of {}", one.name),
            several => format!("Waiting for the rollouts of {} services", several.len()),
        };
        log.line(section::start(SystemTime::now(), SECTION, &header, false));
        let lines = LogLines::new(expectations, masker.clone());
        Self { log, masker: masker.clone(), lines }
    }

    /// Tells what a look has brought, as far as it is due.
    pub(super) fn look(&mut self, news: &News<'_>) {
        for watched in news.watched {
            match (&watched.verdict, &watched.progress) {
                (Some(verdict), _) => self.lines.end(&watched.expectation.id, verdict),
                (None, Some(progress)) => self.lines.note(&watched.expectation.id, progress),
                (None, None) => {}
            }
        }
        for line in self.lines.due(news.at) {
            self.line(&line);
        }
    }

    /// Goes on with what is done to take everything back.
    pub(super) fn undoing(&mut self, expectations: &[Expectation]) {
        let names: Vec<_> =
            expectations.iter().map(|expectation| expectation.name.as_str()).collect();
        self.line(&Line::new(
            Tone::Warning,
            format!("taking back what this job did to {}", names.join(", ")),
        ));
        self.lines = LogLines::new(expectations, self.masker.clone());
    }

    /// Tells all that is known in the end, and ends the section. The last word of a watch that was
    /// cancelled is how things stood.
    pub(super) fn end(self, record: &Record) {
        if record.cancelled {
            self.line(&self.lines.standing());
        } else {
            for line in report::summary(record) {
                self.line(&line);
            }
        }
        self.log.line(section::end(SystemTime::now(), SECTION));
    }

    fn line(&self, line: &Line) {
        self.log.line(line.painted());
    }
}

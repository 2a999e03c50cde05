//! The one writer of lines that a person reads in the job log.
//!
//! In prepare and run, stdout and stderr both reach the job log; config's stdout is its answer and
//! cleanup's reaches the operator at debug level only, so those two write to stderr. What the
//! operator needs beyond that goes through `tracing`, see [`crate::diagnostics`]. A line that
//! can't be written, because gitlab-runner is gone, is dropped: nobody is left to read it.

use std::io::{self, Write};

use job::Failure;

const BOLD_RED: &str = "\x1b[31;1m";
const YELLOW: &str = "\x1b[0;33m";
const RESET: &str = "\x1b[0;m";

/// Writes to the job log, in gitlab-runner's own colours.
#[derive(Clone, Copy, Debug)]
pub(crate) enum JobLog {
    /// For prepare and run.
    Stdout,
    /// For config and cleanup.
    Stderr,
}

impl JobLog {
    /// One line of information.
    pub(crate) fn line(self, text: impl AsRef<str>) {
        self.write(&format!("{}\n", text.as_ref()));
    }

    /// Something that isn't as it should be, though the job goes on.
    pub(crate) fn warning(self, text: impl AsRef<str>) {
        tracing::warn!("{}", text.as_ref());
        self.write(&format!("{YELLOW}WARNING: {}{RESET}\n", text.as_ref()));
    }

    /// A failure, whole: message, causes, hints. Lines that belong to the one above are indented.
    pub(crate) fn failure(self, failure: &Failure) {
        let text = failure.render();
        tracing::error!(blame = ?failure.blame(), "{text}");
        for line in text.lines() {
            if line.starts_with(' ') {
                self.line(line);
            } else {
                self.write(&format!("{BOLD_RED}ERROR: {line}{RESET}\n"));
            }
        }
    }

    fn write(self, text: &str) {
        let written = match self {
            Self::Stdout => write_whole(io::stdout().lock(), text),
            Self::Stderr => write_whole(io::stderr().lock(), text),
        };
        if let Err(error) = written {
            tracing::debug!(%error, "the job log is closed");
        }
    }
}

fn write_whole(mut stream: impl Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

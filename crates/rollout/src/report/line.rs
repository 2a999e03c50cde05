//! One line for the job log, safe whatever it was made of.

use std::fmt;

use super::plain;

/// The widest line.
pub const COLUMNS: usize = 200;

/// One line for the job log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How it is meant.
    pub tone: Tone,
    text: String,
}

/// How a line is meant, for its writer to colour it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// News, neither good nor bad.
    Plain,
    /// A heading.
    Heading,
    /// All is well.
    Good,
    /// Not as it should be, though nothing has failed.
    Warning,
    /// Something failed.
    Bad,
}

impl Line {
    /// Safe, and cut to [`COLUMNS`].
    pub fn new(tone: Tone, text: impl AsRef<str>) -> Self {
        Self { tone, text: plain::line(text.as_ref(), COLUMNS) }
    }

    /// Without colour.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// In gitlab-runner's own colours.
    pub fn painted(&self) -> String {
        let colour = match self.tone {
            Tone::Plain => return self.text.clone(),
            Tone::Heading => "\x1b[0;1m",
            Tone::Good => "\x1b[32;1m",
            Tone::Warning => "\x1b[0;33m",
            Tone::Bad => "\x1b[31;1m",
        };
        format!("{colour}{}\x1b[0;m", self.text)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

//! A failure that a person can meet: who is to blame, what went wrong, and the remedy.
//!
//! Blame is decided where the cause is known; whatever nobody classified is the system's. The
//! chain of causes is rendered once, by [`Failure::render`], at the edge. `Display` of a failure
//! never repeats its source.

use std::error::Error;
use std::fmt;

/// Who has to act.
///
/// gitlab-runner retries `prepare` on a system failure and never on a build failure, so a refusal
/// or a mistake in the job's variables must be the job's
/// (<https://docs.gitlab.com/runner/executors/custom/#error-handling>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The job: its script, its variables, its `.gitlab-ci.yml`.
    Job,
    /// The system: the runner machine, its settings, the network, the cluster.
    System,
}

/// A failure with blame, a message, its cause and hints.
#[derive(Debug)]
pub struct Failure {
    blame: Blame,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    hints: Vec<String>,
}

/// Shorthand for results that end at a person.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// A failure of the job's own making. `message` names the thing and what was expected.
    pub fn job(message: impl Into<String>) -> Self {
        Self::new(Blame::Job, message)
    }

    /// A failure of the runner machine, its settings, the network or the cluster.
    pub fn system(message: impl Into<String>) -> Self {
        Self::new(Blame::System, message)
    }

    /// A failure with the blame given.
    pub fn new(blame: Blame, message: impl Into<String>) -> Self {
        Self { blame, message: message.into(), source: None, hints: Vec::new() }
    }

    /// Adds the cause; rendered after the message, so the message must not repeat it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds a remedy: what to do, in the imperative. The same one twice is told once.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        let hint = hint.into();
        if !self.hints.contains(&hint) {
            self.hints.push(hint);
        }
        self
    }

    /// This failure and `other` as one, told together: the job's only if both are.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let blame = if self.blame == other.blame { self.blame } else { Blame::System };
        let message = format!("{}\n{}", self.line(), other.line());
        let both = Self { blame, message, source: None, hints: self.hints };
        other.hints.into_iter().fold(both, Self::hint)
    }

    /// Who has to act.
    pub fn blame(&self) -> Blame {
        self.blame
    }

    /// The remedies, in the order given.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// The whole failure as text: `message: cause: cause`, then one line per hint.
    ///
    /// A cause whose text the line already ends with is left out: many libraries' `Display`
    /// repeats its source.
    pub fn render(&self) -> String {
        let mut text = self.line();
        for hint in &self.hints {
            text.push_str("\n  hint: ");
            text.push_str(hint);
        }
        text
    }

    /// The message and its causes.
    fn line(&self) -> String {
        let mut text = self.message.clone();
        let mut cause = self.source();
        while let Some(error) = cause {
            let words = error.to_string();
            if !words.is_empty() && !text.ends_with(&words) {
                text.push_str(": ");
                text.push_str(&words);
            }
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn the_chain_is_rendered_once_with_hints_below() {
        let failure = Failure::system("cannot read /etc/x")
            .caused_by(io::Error::new(io::ErrorKind::NotFound, "no such file"))
            .hint("create it");
        assert_eq!(failure.render(), "cannot read /etc/x: no such file\n  hint: create it");
    }

    #[test]
    fn two_failures_are_told_together() {
        let first = Failure::job("A is missing").hint("add it");
        let both = first.and(Failure::job("B is missing").hint("add it"));
        assert_eq!(both.render(), "A is missing\nB is missing\n  hint: add it");
        assert_eq!(both.and(Failure::system("C")).blame(), Blame::System);
    }

    #[test]
    fn a_cause_that_the_line_already_ends_with_is_not_repeated() {
        let failure = Failure::job("refused: bad certificate").caused_by("bad certificate");
        assert_eq!(failure.render(), "refused: bad certificate");
    }
}

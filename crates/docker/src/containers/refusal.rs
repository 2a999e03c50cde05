//! What an engine says when it doesn't do what it was asked to.
//!
//! Engines have few codes for it, and between 20.10 and 28 they changed; so their words are searched
//! (<https://github.com/moby/moby/blob/v28.5.2/daemon/errors.go>).

use bollard::errors::Error;
use job::Failure;

use crate::TransportError;

/// Why a request was not done.
#[derive(Debug)]
pub(super) enum Answer {
    /// The engine said no.
    Refused(Refusal),
    /// It could not be asked, or gave no answer that can be understood.
    None(Failure),
}

/// An engine's no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The HTTP status.
    pub(super) status: u16,
    /// The engine's words.
    pub(super) words: String,
}

impl Answer {
    /// What bollard's error means.
    pub(super) fn of(error: Error) -> Self {
        if let Some(transport) = TransportError::within(&error) {
            return Self::None(transport.to_failure());
        }
        match error {
            Error::DockerResponseServerError { status_code, message } => {
                Self::Refused(Refusal { status: status_code, words: message })
            }
            Error::RequestTimeoutError => Self::None(
                Failure::system("the engine gave no answer in time")
                    .hint("look at the engine's log"),
            ),
            error => Self::None(
                Failure::system("the connection to the engine was lost").caused_by(error),
            ),
        }
    }

    /// The failure to show; the engine's own words are the cause of what `explain` makes of them.
    pub(super) fn into_failure(self, explain: impl FnOnce(&Refusal) -> Failure) -> Failure {
        match self {
            Self::Refused(refusal) => explain(&refusal).caused_by(refusal.words),
            Self::None(failure) => failure,
        }
    }
}

impl Refusal {
    #[cfg(test)]
    pub(super) fn new(status: u16, words: &str) -> Self {
        Self { status, words: words.to_owned() }
    }

    /// Whether the engine's words hold these, which are in lower case.
    pub(super) fn says(&self, text: &str) -> bool {
        self.words.to_lowercase().contains(text)
    }

    /// Whether the thing is not there.
    pub(super) fn is_absence(&self) -> bool {
        self.status == 404
    }

    /// Whether the thing is in a state that doesn't allow it, for the moment.
    pub(super) fn is_conflict(&self) -> bool {
        self.status == 409
    }
}

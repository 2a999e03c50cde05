//! Why an image could not be brought, as far as it decides what is tried next.

use bollard::errors::Error;
use job::Failure;

use super::WantedImage;
use super::refusal::Refusal;
use crate::TransportError;
use crate::images::registry::{Login, Origin};
use crate::images::{Platform, Reference};

/// What went wrong, and what the engine said of it.
#[derive(Debug)]
pub(super) enum Fault {
    /// The engine itself did not answer: no other policy will help.
    Engine(Failure),
    /// What isn't there may not, or can't, be pulled.
    Absent,
    /// The image is there, was just pulled or may not be pulled, and is for another platform.
    OtherPlatform(Platform),
    /// The engine's answer, and where the login came from that was sent along.
    Refused { kind: Refusal, words: String, login: Option<Origin> },
}

impl Fault {
    /// What bollard's error means for a request about `image` with this login.
    pub(super) fn of(error: Error, image: &Reference, login: Option<&Login>) -> Self {
        if let Some(transport) = TransportError::within(&error) {
            return Self::Engine(transport.to_failure());
        }
        match error {
            Error::DockerStreamError { error: words }
            | Error::DockerResponseServerError { message: words, .. } => {
                let login = login.map(|login| login.origin().clone());
                // A name may hold the very words that are searched for.
                let kind = Refusal::of(&words.replace(image.written(), ""));
                Self::Refused { kind, words, login }
            }
            Error::RequestTimeoutError => Self::Engine(
                Failure::system("the engine gave no answer in time to a request for an image")
                    .hint("look at the engine's log, and whether it reaches the registry"),
            ),
            error => Self::Engine(
                Failure::system("the connection to the engine was lost while it brought an image")
                    .caused_by(error),
            ),
        }
    }

    /// What the engine said, if the same may go well a moment later.
    pub(super) fn passing(&self) -> Option<&str> {
        match self {
            Self::Refused { kind: Refusal::Unreachable, words, .. } => Some(words),
            _ => None,
        }
    }

    /// The failure to show.
    pub(super) fn into_failure(self, wanted: &WantedImage) -> Failure {
        let name = &wanted.reference;
        match self {
            Self::Engine(failure) => failure,
            Self::Absent if name.is_id() => {
                Failure::new(wanted.asked_by, format!("the engine has no image with the id {name}"))
                    .hint("name it by its repository, so that it can be pulled")
            }
            Self::Absent => {
                let message = format!(
                    "the engine has no image {name}, and the pull policy never forbids to pull it"
                );
                Failure::new(wanted.asked_by, message)
                    .hint("pull it on the engine beforehand, or use the pull policy if-not-present")
            }
            Self::OtherPlatform(has) => {
                let message = format!("the image {name} is for {has}, not for {}", wanted.target());
                Failure::new(wanted.asked_by, message).hint("name an image for that platform")
            }
            Self::Refused { kind, words, login } => {
                kind.into_failure(wanted, login.as_ref()).caused_by(words)
            }
        }
    }
}

impl WantedImage {
    /// The platform in words.
    pub(super) fn target(&self) -> String {
        let platform = self.platform.as_ref();
        platform.map_or_else(|| "the engine's platform".to_owned(), Platform::to_string)
    }
}

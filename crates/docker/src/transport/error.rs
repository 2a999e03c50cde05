//! Why a request got no response, in the words of the person who has to act.

mod local;
mod remote;

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use job::{Blame, Failure};

use super::BoxError;
use super::fault::Fault;
use super::target::Target;

/// A request that got no response, with what it takes to explain it.
#[derive(Debug)]
pub struct TransportError {
    target: Arc<Target>,
    fault: Fault,
    source: BoxError,
}

impl TransportError {
    pub(super) fn new(target: Arc<Target>, source: hyper_util::client::legacy::Error) -> Self {
        Self { target, fault: Fault::of(&source), source: source.into() }
    }

    /// The kind of fault.
    pub fn fault(&self) -> &Fault {
        &self.fault
    }

    /// The transport's error inside bollard's, if that is what it is about.
    pub fn within(error: &bollard::errors::Error) -> Option<&Self> {
        match error {
            bollard::errors::Error::IOError { err } => err.get_ref()?.downcast_ref(),
            _ => None,
        }
    }

    /// The failure to show: what is wrong, whose it is, and the remedy.
    pub fn to_failure(&self) -> Failure {
        Failure::new(self.blame(), format!("{self}: {}", self.explanation())).hint(self.remedy())
    }

    fn blame(&self) -> Blame {
        match &*self.target {
            Target::Remote(remote) => remote.blame(&self.fault),
            Target::Local(socket) => socket.blame(&self.fault),
        }
    }

    fn explanation(&self) -> String {
        let explanation = match &*self.target {
            Target::Remote(remote) => remote.explanation(&self.fault),
            Target::Local(_) => local::explanation(&self.fault),
        };
        explanation.unwrap_or_else(|| innermost(self.source.as_ref()))
    }

    fn remedy(&self) -> String {
        match &*self.target {
            Target::Remote(remote) => remote.remedy(&self.fault),
            Target::Local(socket) => socket.remedy(&self.fault),
        }
    }
}

impl From<TransportError> for Failure {
    fn from(error: TransportError) -> Self {
        error.to_failure()
    }
}

impl From<TransportError> for io::Error {
    fn from(error: TransportError) -> Self {
        Self::other(error)
    }
}

impl From<TransportError> for bollard::errors::Error {
    /// Hidden where [`TransportError::within`] finds it.
    fn from(error: TransportError) -> Self {
        Self::IOError { err: error.into() }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot reach {}", self.target)
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

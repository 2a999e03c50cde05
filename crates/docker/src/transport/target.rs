//! Where a transport leads, and as whom.

use std::fmt;

use http::uri::{Authority, Scheme};

use crate::address::Socket;
use crate::endpoint::{Role, Source};
use crate::{Endpoint, Identity};

/// What connections are made with, and failures told with. Displays as `the cluster at tcp://…`.
#[derive(Debug)]
pub(crate) enum Target {
    Remote(Remote),
    Local(Socket),
}

/// An engine over the network.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) endpoint: Endpoint,
    pub(crate) identity: Identity,
}

impl Target {
    /// Who supplied the address.
    pub(crate) fn source(&self) -> &Source {
        match self {
            Self::Remote(remote) => remote.endpoint.source(),
            Self::Local(socket) => socket.source(),
        }
    }

    pub(crate) fn address(&self) -> &dyn fmt::Display {
        match self {
            Self::Remote(remote) => &remote.endpoint,
            Self::Local(socket) => socket,
        }
    }

    /// What to call what is there.
    fn noun(&self) -> &'static str {
        match self {
            Self::Remote(remote) => remote.endpoint.role().noun(),
            Self::Local(_) => Role::Engine.noun(),
        }
    }

    /// What its URIs begin with. A socket has no host; any name will do.
    pub(crate) fn base(&self) -> (Scheme, Authority) {
        match self {
            Self::Remote(remote) => (Scheme::HTTPS, remote.endpoint.authority().clone()),
            Self::Local(_) => (Scheme::HTTP, Authority::from_static("localhost")),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} at {}", self.noun(), self.address())
    }
}

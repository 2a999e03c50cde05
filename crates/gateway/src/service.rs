//! A service that is to be created or updated, as far as it can be known before the cluster is
//! asked: the specification as dockerd will read it, how the nodes are to log in, and the image.
//!
//! Whoever decides by these facts must not be told of another service than the one that dockerd
//! goes on to make. So keys are given in the case that dockerd knows them by, and what dockerd
//! would put together in ways of its own, a key that comes twice, is not guessed at: such a
//! specification is [`Asked::Unclear`].

mod image;
mod login;
mod read;

use std::fmt;

use docker::Transport;
use http::request;
use serde_json::Value;

use self::read::ApiVersion;
use crate::route;
use crate::touched::Change;

/// What is known of a service that is to be created or updated.
#[derive(Clone, Copy, Debug)]
pub struct ServiceFacts<'r> {
    /// What is to be done to it. A rollback takes no notice of the specification.
    pub change: Change,
    /// What is asked for.
    pub asked: Asked<'r>,
    /// How the nodes are to log in to the image's registry.
    pub login: &'r Login,
    /// Its image, where the policy has asked for it.
    pub image: &'r Image,
}

/// A specification.
#[derive(Clone, Copy, Debug)]
pub enum Asked<'r> {
    /// As dockerd will read it: keys are written as in the API's documentation, and what the API
    /// version of the request's path does not have is left out where it changes a service's mode.
    Spec(&'r Value),
    /// Nobody but dockerd can tell what it will make of it.
    Unclear(&'r Unclear),
}

/// Why a specification can't be read as dockerd will.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// It is longer than 4 MiB.
    TooLong,
    /// It is no JSON object, or none that is read alike everywhere.
    Malformed,
    /// An object in it has this key twice, in whatever case.
    Twice(String),
}

/// How the nodes are to log in to the image's registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// The request brings no login. An update then leaves the one before in force.
    Absent,
    /// It brings one (`X-Registry-Auth`).
    Brought {
        /// Its user, where it names one.
        user: Option<String>,
    },
}

/// An image, as the cluster's manager has it.
#[derive(Clone, Debug, PartialEq)]
pub enum Image {
    /// Nobody has asked, or the manager does not have it or did not answer.
    Unknown,
    /// The manager has it.
    Known {
        /// Its own health check: `Config.Healthcheck` of `GET /images/{name}/json`.
        healthcheck: Option<Value>,
    },
}

impl Image {
    /// Its own health check, if it is known to have one.
    pub fn healthcheck(&self) -> Option<&Value> {
        match self {
            Self::Unknown => None,
            Self::Known { healthcheck } => healthcheck.as_ref(),
        }
    }
}

/// All of it while it is being decided.
pub(crate) struct Service {
    change: Change,
    asked: Result<Value, Unclear>,
    login: Login,
    image: Image,
}

impl Service {
    /// Reads a request that changes a service; `whole` is its body, where that is short enough to be
    /// read. A removal asks for nothing.
    pub(crate) fn read(
        change: Change,
        head: &request::Parts,
        whole: Option<&[u8]>,
    ) -> Option<Self> {
        if change == Change::Removed {
            return None;
        }
        let version = route::version(head.uri.path()).map(|version| ApiVersion::read(&version));
        let asked = whole.ok_or(Unclear::TooLong).and_then(|body| read::read(body, version));
        Some(Self { change, asked, login: Login::of(&head.headers), image: Image::Unknown })
    }

    pub(crate) fn facts(&self) -> ServiceFacts<'_> {
        ServiceFacts {
            change: self.change,
            asked: match &self.asked {
                Ok(spec) => Asked::Spec(spec),
                Err(unclear) => Asked::Unclear(unclear),
            },
            login: &self.login,
            image: &self.image,
        }
    }

    /// Asks the cluster for the image.
    pub(crate) async fn look_at_image(&mut self, transport: &Transport) {
        if let Ok(spec) = &self.asked {
            self.image = image::look_at(transport, spec).await;
        }
    }
}

/// Read as `the specification …`.
impl fmt::Display for Unclear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("is longer than 4 MiB"),
            Self::Malformed => f.write_str("is no JSON object"),
            Self::Twice(key) => write!(f, "has the key {key:?} twice"),
        }
    }
}

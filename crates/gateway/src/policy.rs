//! What the job may do: one synchronous function from facts to a decision.
//!
//! A policy sees plain data and answers with plain data. It does no input or output, so it can be
//! tested as a table, and every answer names the rule that gave it.

mod own_files;

use std::borrow::Cow;

use http::Method;

use crate::route::Route;
use crate::service::ServiceFacts;

pub use self::own_files::OwnFiles;

/// What a policy knows of one request.
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts<'r> {
    /// As sent.
    pub method: &'r Method,
    /// As sent, without the query.
    pub path: &'r str,
    /// What method and path ask for.
    pub route: &'r Route,
    /// The absolute paths that its body asks an engine to mount from that engine's file system, as
    /// written. None where the body is longer than 4 MiB, which no such request is by mistake.
    pub binds: &'r [String],
    /// What is known of the service that it creates or updates; none for any other request.
    pub service: Option<ServiceFacts<'r>>,
}

/// The answer, and the rule that gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the request goes to the cluster.
    pub verdict: Verdict,
    /// The rule's name, as the operator would look for it.
    pub rule: Cow<'static, str>,
}

/// Whether a request goes to the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Allow,
    /// It does not: the job is told which rule forbids it.
    Refuse,
    /// It does not: the job is told why, and what to do about it.
    RefuseInWords {
        /// For the people who read the job's log; lines may break.
        words: String,
    },
    /// It does not: the job is told that it means a file of its own, where an engine would look
    /// for one of the engine's.
    OwnFile {
        /// As the request has it.
        path: String,
    },
}

impl Verdict {
    /// The word for records.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Refuse | Self::RefuseInWords { .. } | Self::OwnFile { .. } => "refuse",
        }
    }
}

/// Decides about requests.
pub trait Policy: Send + Sync {
    /// Decides about one request, before any byte of it goes to the cluster.
    fn decide(&self, facts: &RequestFacts<'_>) -> Decision;

    /// Whether the image of a service has to be looked at before it is decided about the service.
    /// That costs a request to the cluster, so a policy that doesn't need it says no.
    fn wants_image(&self, _facts: &RequestFacts<'_>) -> bool {
        false
    }
}

/// Permits everything that the credentials permit.
#[derive(Clone, Copy, Debug)]
pub struct Permit;

impl Policy for Permit {
    fn decide(&self, _: &RequestFacts<'_>) -> Decision {
        Decision { verdict: Verdict::Allow, rule: Cow::Borrowed("permit") }
    }
}

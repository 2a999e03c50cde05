//! What the job may do: one synchronous function from facts to a decision.
//!
//! A policy sees plain data and answers with plain data. It does no input or output, so it can be
//! tested as a table, and every answer names the rule that gave it.

use std::borrow::Cow;

use http::Method;

use crate::route::Route;

/// What a policy knows of one request.
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts<'r> {
    /// As sent.
    pub method: &'r Method,
    /// As sent, without the query.
    pub path: &'r str,
    /// What method and path ask for.
    pub route: &'r Route,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Allow,
    /// It does not: the job is told which rule forbids it.
    Refuse,
}

impl Verdict {
    /// The word for records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Refuse => "refuse",
        }
    }
}

/// Decides about requests.
pub trait Policy: Send + Sync {
    /// Decides about one request, before any byte of it goes to the cluster.
    fn decide(&self, facts: &RequestFacts<'_>) -> Decision;
}

/// Permits everything that the credentials permit.
#[derive(Clone, Copy, Debug)]
pub struct Permit;

impl Policy for Permit {
    fn decide(&self, _: &RequestFacts<'_>) -> Decision {
        Decision { verdict: Verdict::Allow, rule: Cow::Borrowed("permit") }
    }
}

//! One record for each request: what was asked, what was decided, what the cluster answered.
//!
//! Records are `tracing` events with the target [`TARGET`], so they go where the operator's other
//! diagnostics go and can be filtered out of them. A record holds method and path, never a query,
//! a header or a body: build arguments, registry logins and secrets travel in those.

use std::time::Instant;

use http::{Method, StatusCode};

use crate::policy::{Decision, RequestFacts};
use crate::route::Route;

/// The target of audit records.
pub const TARGET: &str = "audit";

/// A record that is written when the answer is there, or when it is clear that none will come.
#[derive(Debug)]
pub(crate) struct Entry {
    method: Method,
    path: String,
    route: Route,
    decision: Decision,
    asked: Instant,
    status: Option<StatusCode>,
}

impl Entry {
    /// Opens the record of a request that was just decided.
    pub(crate) fn open(facts: &RequestFacts<'_>, decision: Decision) -> Self {
        Self {
            method: facts.method.clone(),
            path: facts.path.to_owned(),
            route: facts.route.clone(),
            decision,
            asked: Instant::now(),
            status: None,
        }
    }

    /// Closes the record with the status that the job is told. Streams may go on for hours after.
    pub(crate) fn answered(mut self, status: StatusCode) {
        self.status = Some(status);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        tracing::info!(
            target: TARGET,
            method = self.method.as_str(),
            path = self.path,
            kind = self.route.operation.kind,
            action = self.route.operation.action,
            object = self.route.object,
            verdict = self.decision.verdict.as_str(),
            rule = &*self.decision.rule,
            status = self.status.map(|status| status.as_u16()),
            milliseconds = u64::try_from(self.asked.elapsed().as_millis()).unwrap_or(u64::MAX),
            "{}", if self.status.is_some() { "answered" } else { "the job did not wait" },
        );
    }
}

//! One record for each request: what was asked, what was decided, what the cluster answered.
//!
//! Records are `tracing` events with the target [`TARGET`], so they go where the operator's other
//! diagnostics go and can be filtered out of them. A record holds method and path, never a query,
//! a header or a body: build arguments, registry logins and secrets travel in those.

use std::time::Instant;

use http::{Method, StatusCode};

use crate::policy::Decision;
use crate::route::Route;

/// The target of audit records.
pub const TARGET: &str = "audit";

/// A record that is written when the answer is there, or when it is clear that none will come.
#[derive(Debug)]
pub(crate) struct Entry {
    method: Method,
    path: String,
    route: Route,
    /// None where the request broke off before all was known that a decision needs.
    decision: Option<Decision>,
    asked: Instant,
    status: Option<StatusCode>,
}

impl Entry {
    /// Opens the record of a request that has just arrived.
    pub(crate) fn open(method: &Method, path: &str, route: &Route) -> Self {
        Self {
            method: method.clone(),
            path: path.to_owned(),
            route: route.clone(),
            decision: None,
            asked: Instant::now(),
            status: None,
        }
    }

    /// Notes what was decided.
    pub(crate) fn decided(&mut self, decision: Decision) {
        self.decision = Some(decision);
    }

    /// Closes the record with the status that the job is told. Streams may go on for hours after.
    pub(crate) fn answered(mut self, status: StatusCode) {
        self.status = Some(status);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let decision = self.decision.as_ref();
        tracing::info!(
            target: TARGET,
            method = self.method.as_str(),
            path = self.path,
            kind = self.route.operation.kind,
            action = self.route.operation.action,
            object = self.route.object,
            verdict = decision.map(|decision| decision.verdict.as_str()),
            rule = decision.map(|decision| &*decision.rule),
            status = self.status.map(|status| status.as_u16()),
            milliseconds = u64::try_from(self.asked.elapsed().as_millis()).unwrap_or(u64::MAX),
            "{}", if self.status.is_some() { "answered" } else { "the job did not wait" },
        );
    }
}

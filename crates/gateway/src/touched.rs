//! The services that the job changed, for whoever waits for their rollouts.
//!
//! A change is remembered once the cluster has answered with success, with what the request said:
//! the name or ID as asked, the stack's label, the version it was based on. Nothing is looked up,
//! so an ID is known only where the job itself created the service, or asked by a name or ID that
//! it had created.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::json;
use crate::spec::{Created, ServiceSpec};

/// One change of one service that the cluster accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touched {
    /// What was done.
    pub change: Change,
    /// The service as the job named it: a name, an ID or the beginning of an ID. For a service
    /// that was created, its name; empty where the request was too long to be read.
    pub asked: String,
    /// The service's full ID, where it is known.
    pub id: Option<String>,
    /// The service's name, where it is known.
    pub name: Option<String>,
    /// The stack that it belongs to: its label `com.docker.stack.namespace`.
    pub stack: Option<String>,
    /// When the cluster's answer arrived, by this machine's clock.
    pub at: SystemTime,
}

/// What was done to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Change {
    /// It was created.
    Created,
    /// Its specification was replaced.
    Updated {
        /// The version that the new specification was based on.
        version: Option<u64>,
    },
    /// The job asked for the previous specification back (`docker service rollback`).
    RolledBack {
        /// The version that the rollback was based on.
        version: Option<u64>,
    },
    /// It was removed.
    Removed,
}

impl Change {
    /// Reads which kind of update a query asks for
    /// (<https://docs.docker.com/reference/api/engine/version/v1.45/#tag/Service/operation/ServiceUpdate>).
    pub(crate) fn update(query: &str) -> Self {
        let first = |name: &str| {
            form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|pair| pair.1)
        };
        let version = first("version").and_then(|version| version.parse().ok());
        if first("rollback").is_some_and(|direction| direction == "previous") {
            Self::RolledBack { version }
        } else {
            Self::Updated { version }
        }
    }
}

impl Intent {
    /// The service as the request names it.
    pub(crate) fn names(&self) -> Option<&str> {
        self.asked.as_deref().or(self.spec.name.as_deref())
    }
}

/// A change that was asked for and is not yet answered.
#[derive(Debug)]
pub(crate) struct Intent {
    pub(crate) change: Change,
    /// The path's ID; none for a creation.
    pub(crate) asked: Option<String>,
    /// Nothing, where the body was too long to be read.
    pub(crate) spec: ServiceSpec,
}

/// All changes so far. Clones share the list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(Arc<Mutex<Vec<Touched>>>);

impl Ledger {
    /// In the order in which the cluster answered.
    pub(crate) fn list(&self) -> Vec<Touched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers a change that the cluster accepted; `answer` is the response's body, where it was
    /// short enough to be read.
    pub(crate) fn record(&self, intent: Intent, answer: Option<&[u8]>, at: SystemTime) -> Touched {
        let Intent { change, asked, spec } = intent;
        let mut changes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = asked.as_deref().and_then(|asked| known(&changes, asked));
        let id = match change {
            Change::Created => {
                answer.and_then(json::read::<Created>).and_then(|created| created.id)
            }
            _ => known.and_then(|known| known.id.clone()),
        };
        let name = spec.name.or_else(|| known.and_then(|known| known.name.clone()));
        let touched = Touched {
            change,
            asked: asked.or_else(|| name.clone()).unwrap_or_default(),
            id,
            name,
            stack: spec.stack.or_else(|| known.and_then(|known| known.stack.clone())),
            at,
        };
        changes.push(touched.clone());
        touched
    }
}

/// The latest change of the service that is asked for by its full ID or its name.
fn known<'t>(changes: &'t [Touched], asked: &str) -> Option<&'t Touched> {
    changes.iter().rev().find(|touched| {
        touched.id.as_deref() == Some(asked) || touched.name.as_deref() == Some(asked)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn created(ledger: &Ledger, body: &str, answer: &str) {
        let spec = json::read(body.as_bytes()).unwrap_or_default();
        let intent = Intent { change: Change::Created, asked: None, spec };
        ledger.record(intent, Some(answer.as_bytes()), SystemTime::UNIX_EPOCH);
    }

    fn changed(ledger: &Ledger, change: Change, asked: &str) {
        let intent = Intent { change, asked: Some(asked.into()), spec: ServiceSpec::default() };
        ledger.record(intent, None, SystemTime::UNIX_EPOCH);
    }

    #[test]
    fn a_created_service_has_the_name_asked_the_stack_and_the_id_answered() {
        let ledger = Ledger::default();
        created(
            &ledger,
            r#"{"Name":"whoami_hello","Labels":{"com.docker.stack.namespace":"whoami"}}"#,
            r#"{"ID":"0b1c","Warnings":null}"#,
        );
        let [service] = &ledger.list()[..] else { panic!("one service") };
        assert_eq!(service.change, Change::Created);
        assert_eq!(service.asked, "whoami_hello");
        assert_eq!(service.id.as_deref(), Some("0b1c"));
        assert_eq!(service.stack.as_deref(), Some("whoami"));
    }

    #[test]
    fn a_later_change_is_resolved_by_what_is_known_already() {
        let ledger = Ledger::default();
        created(&ledger, r#"{"name":"web"}"#, r#"{"id":"0b1c"}"#);
        changed(&ledger, Change::Removed, "web");
        changed(&ledger, Change::Removed, "other");
        let services = ledger.list();
        assert_eq!(services[1].id.as_deref(), Some("0b1c"));
        assert_eq!(services[2].id, None);
        assert_eq!(services[2].asked, "other");
    }

    #[test]
    fn a_rollback_is_told_from_an_update_by_the_query() {
        assert_eq!(Change::update("version=7"), Change::Updated { version: Some(7) });
        assert_eq!(
            Change::update("registryAuthFrom=spec&rollback=previous&version=8"),
            Change::RolledBack { version: Some(8) }
        );
        assert_eq!(Change::update("rollback=none"), Change::Updated { version: None });
    }

    #[test]
    fn a_body_that_is_no_service_leaves_the_change_remembered() {
        let ledger = Ledger::default();
        created(&ledger, "[1]", "nonsense");
        assert_eq!(ledger.list().len(), 1);
        assert_eq!(ledger.list()[0].name, None);
    }

    #[test]
    fn the_list_survives_being_written_and_read() {
        let ledger = Ledger::default();
        changed(&ledger, Change::update("version=3"), "web");
        let written = serde_json::to_string(&ledger.list()).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Touched>>(&written).unwrap(), ledger.list());
    }
}

//! What a job has changed, each service looked at before the first change and after the last one.
//!
//! Whoever sees the changes pass tells of them; a look that fails costs knowledge, never the job.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use job::Result;

use crate::expectation::{After, Before, Deed, Expectation};
use crate::snapshot::Service;
use crate::swarm::Swarm;

/// The changes of one job. Clones share them.
#[derive(Clone)]
pub struct Ledger {
    swarm: Swarm,
    made: Instant,
    entries: Arc<Mutex<Entries>>,
}

#[derive(Default)]
struct Entries {
    /// When the first change was about to be made.
    began: Option<Instant>,
    /// In the order of the first change.
    expectations: Vec<Expectation>,
    /// The IDs of services that were looked at, by all that they can be asked for with.
    asked: HashMap<String, String>,
    /// What they were, until the change is known to be accepted.
    seen: HashMap<String, Seen>,
}

/// A service that was there before a change.
#[derive(Clone)]
struct Seen {
    name: String,
    stack: Option<String>,
    before: Before,
}

impl Ledger {
    /// Nothing has changed yet.
    pub fn new(swarm: Swarm) -> Self {
        Self { swarm, made: Instant::now(), entries: Arc::default() }
    }

    /// The first change is about to be made, unless one was before.
    pub fn begin(&self) {
        self.entries().began.get_or_insert_with(Instant::now);
    }

    /// When the first change was about to be made; before that, when this was made.
    pub fn began(&self) -> Instant {
        self.entries().began.unwrap_or(self.made)
    }

    /// The cluster whose services these are.
    pub fn swarm(&self) -> &Swarm {
        &self.swarm
    }

    /// A service with this name, ID or beginning of an ID is about to be changed.
    pub async fn before(&self, asked: &str) {
        match self.seen(asked).await {
            Ok(Some((id, seen))) => self.entries().seen(asked, id, seen),
            Ok(None) => {}
            Err(failure) => {
                tracing::warn!(service = asked, %failure, "not looked at before its change");
            }
        }
    }

    /// The cluster has accepted a change of a service with this name, ID or beginning of an ID.
    pub async fn after(&self, asked: &str, deed: Deed) {
        if deed == Deed::Removed {
            self.entries().removed(asked);
            return self.swarm.learn_of_managers().await;
        }
        let (service, ()) = tokio::join!(self.swarm.service(asked), self.swarm.learn_of_managers());
        match service {
            Ok(Some(service)) => self.entries().changed(&service, deed),
            Ok(None) => tracing::warn!(service = asked, "gone right after its change"),
            Err(failure) => {
                tracing::warn!(service = asked, %failure, "not looked at after its change");
                self.entries().changed_unseen(asked, deed);
            }
        }
    }

    /// Every service that changed, in the order of the first change.
    pub fn expectations(&self) -> Vec<Expectation> {
        self.entries().expectations.clone()
    }

    async fn seen(&self, asked: &str) -> Result<Option<(String, Seen)>> {
        let Some(service) = self.swarm.service(asked).await? else { return Ok(None) };
        let tasks = self.swarm.task_ids(&service).await?;
        let Service { id, version, spec, .. } = service;
        let (name, stack) = (spec.name.clone(), spec.stack.clone());
        Ok(Some((id, Seen { name, stack, before: Before { spec, version, tasks } })))
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn seen(&mut self, asked: &str, id: String, seen: Seen) {
        self.known(&id, &[asked, &seen.name]);
        self.seen.insert(id, seen);
    }

    /// What it is asked for with before a change need not be what it is told of with after it.
    fn known(&mut self, id: &str, names: &[&str]) {
        for asked in names.iter().chain([&id]) {
            self.asked.insert((*asked).to_owned(), id.to_owned());
        }
    }

    fn changed(&mut self, service: &Service, deed: Deed) {
        let after = After {
            spec: Arc::clone(&service.spec),
            version: service.version,
            update: service.update.clone(),
            at: service.updated_at,
        };
        self.known(&service.id, &[&service.spec.name]);
        let entry = self.entry(&service.id, deed);
        entry.name.clone_from(&service.spec.name);
        entry.stack.clone_from(&service.spec.stack);
        entry.after = Some(after);
    }

    /// What the service is now, nobody could see; the watch takes it as it then is.
    fn changed_unseen(&mut self, asked: &str, deed: Deed) {
        if let Some(id) = self.asked.get(asked).cloned() {
            self.entry(&id, deed).after = None;
        }
    }

    fn removed(&mut self, asked: &str) {
        let Some(id) = self.asked.get(asked).cloned() else {
            return tracing::warn!(service = asked, "removed, and nobody knows its ID");
        };
        self.entry(&id, Deed::Removed).after = None;
    }

    /// What is known of a service, now that this was done to it.
    fn entry(&mut self, id: &str, deed: Deed) -> &mut Expectation {
        let known = self.expectations.iter().position(|expectation| expectation.id == id);
        let at = known.unwrap_or_else(|| {
            let seen = self.seen.get(id).cloned();
            self.expectations.push(expectation(id, deed, seen));
            self.expectations.len() - 1
        });
        let entry = &mut self.expectations[at];
        if known.is_some() {
            entry.deed = entry.deed.then(deed);
        }
        entry
    }
}

fn expectation(id: &str, deed: Deed, seen: Option<Seen>) -> Expectation {
    let (name, stack, before) = match seen {
        // What was created wasn't there, whoever had its name.
        Some(seen) if deed != Deed::Created => (seen.name, seen.stack, Some(seen.before)),
        _ => (String::new(), None, None),
    };
    Expectation { id: id.to_owned(), name, stack, deed, before, after: None }
}

impl Deed {
    /// Both deeds taken together: what was created and then updated was created.
    fn then(self, next: Self) -> Self {
        match (self, next) {
            (Self::Created, Self::Updated | Self::RolledBack) => Self::Created,
            (_, next) => next,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    fn service(id: &str, version: u64) -> Service {
        let json = json!({
            "ID": id,
            "Version": { "Index": version },
            "Spec": { "Name": "web", "Labels": { "com.docker.stack.namespace": "shop" } },
        });
        Service::read(json.to_string().as_bytes()).unwrap()
    }

    fn seen(service: &Service) -> Seen {
        let Service { version, spec, .. } = service.clone();
        let before = Before { spec, version, tasks: BTreeSet::new() };
        Seen { name: "web".into(), stack: Some("shop".into()), before }
    }

    fn versions(expectation: &Expectation) -> (Option<u64>, Option<u64>) {
        let before = expectation.before.as_ref().map(|before| before.version);
        (before, expectation.after.as_ref().map(|after| after.version))
    }

    #[test]
    fn several_changes_of_a_service_are_one_from_first_to_last() {
        let mut entries = Entries::default();
        for version in [3, 5] {
            entries.seen("web", "id".into(), seen(&service("id", version)));
            entries.changed(&service("id", version + 1), Deed::Updated);
        }
        let [only] = &entries.expectations[..] else { panic!("one service") };
        assert_eq!((only.name.as_str(), only.stack.as_deref()), ("web", Some("shop")));
        assert_eq!(versions(only), (Some(3), Some(6)));
    }

    #[test]
    fn what_was_created_stays_so_until_it_is_removed() {
        let mut entries = Entries::default();
        entries.changed(&service("id", 1), Deed::Created);
        entries.seen("web", "id".into(), seen(&service("id", 1)));
        entries.changed(&service("id", 2), Deed::Updated);
        assert_eq!(entries.expectations[0].deed, Deed::Created);
        assert_eq!(versions(&entries.expectations[0]), (None, Some(2)));
        entries.removed("web");
        assert_eq!(entries.expectations[0].deed, Deed::Removed);
        assert_eq!(versions(&entries.expectations[0]), (None, None));
    }

    #[test]
    fn what_is_asked_for_by_name_and_told_of_by_id_is_one_service() {
        let mut entries = Entries::default();
        entries.changed(&service("id", 1), Deed::Created);
        entries.removed("id");
        entries.seen("old", "old-id".into(), seen(&service("old-id", 1)));
        entries.removed("old-id");
        let deeds: Vec<_> = entries.expectations.iter().map(|it| it.deed).collect();
        assert_eq!(deeds, [Deed::Removed, Deed::Removed]);
    }

    #[test]
    fn a_service_that_takes_anothers_name_is_another_service() {
        let mut entries = Entries::default();
        entries.seen("web", "old".into(), seen(&service("old", 1)));
        entries.removed("web");
        entries.changed(&service("new", 4), Deed::Created);
        let ids: Vec<_> = entries.expectations.iter().map(|it| (&*it.id, it.deed)).collect();
        assert_eq!(ids, [("old", Deed::Removed), ("new", Deed::Created)]);
    }

    #[test]
    fn a_rollback_after_an_update_is_a_rollback_and_the_other_way_round() {
        assert_eq!(Deed::Updated.then(Deed::RolledBack), Deed::RolledBack);
        assert_eq!(Deed::RolledBack.then(Deed::Updated), Deed::Updated);
        assert_eq!(Deed::Created.then(Deed::RolledBack), Deed::Created);
    }

    #[test]
    fn what_nobody_has_looked_at_costs_nothing_but_knowledge() {
        let mut entries = Entries::default();
        entries.removed("unknown");
        entries.changed_unseen("unknown", Deed::Updated);
        assert!(entries.expectations.is_empty());
    }
}

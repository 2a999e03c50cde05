//! What changed between two looks at all services, whoever changed it. Pure.
//!
//! A version rises by what the orchestrator writes too, so what counts is the specification.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::expectation::{After, Before, Deed, Expectation};
use crate::snapshot::Service;

/// The services that were created, changed or removed, by name.
pub fn changed(before: &[Service], now: Vec<Service>) -> Vec<Expectation> {
    let mut earlier: HashMap<_, _> =
        before.iter().map(|service| (service.id.as_str(), service)).collect();
    let mut changed = Vec::new();
    for service in now {
        let was = earlier.remove(service.id.as_str());
        if was.is_none_or(|was| was.spec.whole != service.spec.whole) {
            changed.push(expectation(was, Some(service)));
        }
    }
    changed.extend(earlier.into_values().map(|was| expectation(Some(was), None)));
    changed.retain(|expectation| !expectation.id.is_empty());
    changed.sort_by(|one, other| one.name.cmp(&other.name));
    changed
}

fn expectation(was: Option<&Service>, now: Option<Service>) -> Expectation {
    let either = now.as_ref().or(was);
    let (id, name, stack) = either.map_or_else(Default::default, |service| {
        (service.id.clone(), service.spec.name.clone(), service.spec.stack.clone())
    });
    let before = was.map(|was| Before {
        spec: Arc::clone(&was.spec),
        version: was.version,
        tasks: BTreeSet::new(),
    });
    Expectation {
        id,
        name,
        stack,
        deed: Deed::ChangedMeanwhile,
        before,
        after: now.map(After::from),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn service(id: &str, version: u64, image: &str) -> Service {
        let json = json!({
            "ID": id,
            "Version": { "Index": version },
            "Spec": { "Name": id, "TaskTemplate": { "ContainerSpec": { "Image": image } } },
        });
        Service::read(json.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn what_was_created_changed_or_removed_is_found_and_nothing_else() {
        let before = [service("same", 1, "a"), service("changed", 2, "a"), service("gone", 3, "a")];
        // The orchestrator's own writes make a version rise.
        let now = vec![service("same", 9, "a"), service("changed", 5, "b"), service("new", 6, "a")];
        let found = changed(&before, now);
        let names: Vec<_> = found.iter().map(|found| found.name.as_str()).collect();
        assert_eq!(names, ["changed", "gone", "new"]);
        let looks = |found: &Expectation| (found.before.is_some(), found.after.is_some());
        assert_eq!(
            found.iter().map(looks).collect::<Vec<_>>(),
            [(true, true), (true, false), (false, true)]
        );
        assert!(found.iter().all(|found| found.deed == Deed::ChangedMeanwhile));
    }
}

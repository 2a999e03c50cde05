//! How a service is taken back, by what the job did and what it is now.

use serde_json::{Value, json};

use super::*;

fn spec(image: &str) -> Value {
    json!({ "Name": "web", "TaskTemplate": { "ContainerSpec": { "Image": image } } })
}

/// A service that runs this image, after that one if there was one.
fn running(image: &str, previous: Option<&str>) -> Service {
    let json = json!({
        "ID": "id",
        "Version": { "Index": 7 },
        "Spec": spec(image),
        "PreviousSpec": previous.map(spec),
    });
    Service::read(json.to_string().as_bytes()).unwrap()
}

/// The job has made this image of that one.
fn did(deed: Deed, before: Option<&str>, after: Option<&str>) -> Expectation {
    let parsed = |image: &str| Arc::new(Spec::read(spec(image)).unwrap());
    let before = before.map(|image| Before {
        spec: parsed(image),
        version: 3,
        tasks: std::collections::BTreeSet::new(),
    });
    let after =
        after.map(|image| After { spec: parsed(image), version: 5, update: None, at: None });
    Expectation { id: "id".into(), name: "web".into(), stack: None, deed, before, after }
}

fn image(plan: Plan) -> String {
    match plan {
        Plan::Restore(spec) | Plan::CreateAnew(spec) => spec.image.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_the_job_created_is_removed() {
    let created = did(Deed::Created, None, Some("new"));
    assert_eq!(Plan::of(&created, Some(&running("new", None))), Plan::Remove);
    assert_eq!(Plan::of(&created, None), Plan::Nothing);
    let others = running("others", Some("new"));
    assert!(matches!(Plan::of(&created, Some(&others)), Plan::Leave(_)));
}

#[test]
fn one_update_is_rolled_back_as_the_orchestrator_would() {
    let updated = did(Deed::Updated, Some("old"), Some("new"));
    assert_eq!(Plan::of(&updated, Some(&running("new", Some("old")))), Plan::RollBack);
}

#[test]
fn of_several_updates_the_first_ones_beginning_is_asked_for_again() {
    let updated = did(Deed::Updated, Some("old"), Some("newer"));
    let plan = Plan::of(&updated, Some(&running("newer", Some("new"))));
    assert_eq!(image(plan), "old");
}

#[test]
fn what_the_swarm_has_rolled_back_already_is_left_alone() {
    let updated = did(Deed::Updated, Some("old"), Some("new"));
    assert_eq!(Plan::of(&updated, Some(&running("old", None))), Plan::Nothing);
}

#[test]
fn what_somebody_else_has_changed_since_is_theirs() {
    let updated = did(Deed::Updated, Some("old"), Some("new"));
    let plan = Plan::of(&updated, Some(&running("others", Some("new"))));
    assert_eq!(plan, Plan::OTHERS);
    assert!(matches!(Plan::of(&updated, None), Plan::Leave(_)));
}

#[test]
fn what_the_job_removed_is_created_anew() {
    let removed = did(Deed::Removed, Some("old"), None);
    assert_eq!(image(Plan::of(&removed, None)), "old");
    // Under this name somebody else may have made another, but not with this ID.
    assert_eq!(Plan::of(&removed, Some(&running("old", None))), Plan::Nothing);
}

#[test]
fn what_changed_past_the_gateway_is_left_alone() {
    let changed = did(Deed::ChangedMeanwhile, Some("old"), Some("new"));
    let plan = Plan::of(&changed, Some(&running("new", Some("old"))));
    assert!(matches!(plan, Plan::Leave(_)));
}

//! Every rule, both ways; and the two stack files of the article in `examples/whoami`, whole.

#![expect(clippy::needless_pass_by_value, reason = "changes are written where they are passed")]

use serde_json::{Value, json};

use super::*;

const SECOND: u64 = 1_000_000_000;

/// A service that nobody has anything to say about.
fn good() -> Value {
    json!({
        "Name": "shop_web",
        "Labels": {
            "com.docker.stack.namespace": "shop",
            "traefik.enable": "true",
            "traefik.swarm.lbswarm": "true",
            "traefik.http.services.web.loadbalancer.server.port": "8000",
        },
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": "registry.example.com/shop/web:1@sha256:00",
                "Healthcheck": {
                    "Test": ["CMD-SHELL", "true"],
                    "Interval": 10 * SECOND,
                    "Timeout": 3 * SECOND,
                    "StartPeriod": 30 * SECOND,
                    "Retries": 3,
                },
                "StopGracePeriod": 30 * SECOND,
            },
            "Networks": [{"Target": "n1"}],
        },
        "Mode": {"Replicated": {"Replicas": 4}},
        "UpdateConfig": {"Parallelism": 1, "FailureAction": "rollback", "Monitor": 33 * SECOND,
            "MaxFailureRatio": 0, "Order": "start-first"},
        "RollbackConfig": {"Parallelism": 1, "FailureAction": "pause", "Order": "start-first"},
        "EndpointSpec": {"Mode": "vip"},
    })
}

/// The good service with these changes; null takes away, an object is merged.
fn changed(changes: Value) -> Spec {
    let mut whole = good();
    merge(&mut whole, changes);
    Spec::read(whole).unwrap()
}

fn merge(whole: &mut Value, changes: Value) {
    match (whole, changes) {
        (Value::Object(whole), Value::Object(changes)) => {
            for (key, change) in changes {
                merge(whole.entry(key).or_insert(Value::Null), change);
            }
        }
        (whole, change) => *whole = change,
    }
}

fn container(changes: Value) -> Value {
    json!({"TaskTemplate": {"ContainerSpec": changes}})
}

fn check(changes: Value) -> Value {
    container(json!({"Healthcheck": changes}))
}

fn update(changes: Value) -> Value {
    json!({"UpdateConfig": changes})
}

/// In this mode instead of the replicated one.
fn mode(mode: Value) -> Value {
    both(json!({"Mode": {"Replicated": null}}), json!({"Mode": mode}))
}

fn both(mut one: Value, other: Value) -> Value {
    merge(&mut one, other);
    one
}

fn rules(facts: &Facts<'_>) -> Vec<Rule> {
    advise(facts).into_iter().map(|advice| advice.rule).collect()
}

/// Exactly these rules have something to say of the good service with these changes.
#[track_caller]
fn says(changes: Value, expected: &[Rule]) {
    let told = changes.to_string();
    let spec = changed(changes);
    assert_eq!(rules(&Facts { image: Image::Known(None), ..Facts::of(&spec) }), expected, "{told}");
}

/// What a rule says of it.
fn advice(changes: Value, rule: Rule) -> Advice {
    let spec = changed(changes);
    let facts = Facts { image: Image::Known(None), ..Facts::of(&spec) };
    advise(&facts).into_iter().find(|advice| advice.rule == rule).unwrap()
}

#[track_caller]
fn reason_has(changes: Value, rule: Rule, parts: &[&str]) {
    let reason = advice(changes, rule).reason;
    for part in parts {
        assert!(reason.contains(part), "{part} in {reason}");
    }
}

#[test]
fn nothing_is_said_of_a_good_service() {
    says(json!({}), &[]);
    says(json!({"Mode": {"Replicated": {"Replicas": 1}}}), &[]);
    says(mode(json!({"Global": {}})), &[]);
}

#[test]
fn a_job_a_service_without_tasks_and_one_that_nobody_reaches_drop_no_requests() {
    let bare = json!({"UpdateConfig": null, "RollbackConfig": null});
    let bare = both(bare, container(json!({"Healthcheck": null, "StopGracePeriod": null})));
    says(both(bare.clone(), mode(json!({"ReplicatedJob": {}}))), &[]);
    says(both(bare.clone(), mode(json!({"GlobalJob": {}}))), &[]);
    says(both(bare.clone(), json!({"Mode": {"Replicated": {"Replicas": 0}}})), &[]);
    let alone = json!({"Labels": null, "TaskTemplate": {"Networks": null}});
    says(both(bare.clone(), alone), &[]);
    says(both(bare, container(json!({"Image": ""}))), &[]);
}

#[test]
fn a_service_that_only_others_on_its_networks_reach_is_advised_too() {
    let inside = json!({"Labels": null, "UpdateConfig": null, "RollbackConfig": null});
    let expected = [
        Rule::Healthcheck,
        Rule::StartFirst,
        Rule::FailureAction,
        Rule::Rollback,
        Rule::StopGracePeriod,
    ];
    let none = container(json!({"Healthcheck": null, "StopGracePeriod": null}));
    says(both(inside, none), &expected);
}

#[test]
fn healthcheck() {
    says(check(Value::Null), &[Rule::Healthcheck]);
    says(check(json!({"Test": ["NONE"]})), &[Rule::Healthcheck]);
    says(check(json!({"Test": []})), &[Rule::Healthcheck]);
    reason_has(check(json!({"Test": ["NONE"]})), Rule::Healthcheck, &["turned off"]);
    assert!(advice(check(Value::Null), Rule::Healthcheck).lines.contains("localhost:8000 "));
    let port = json!({"Labels": null, "EndpointSpec": {"Ports": [{"TargetPort": 3000}]}});
    let port = both(port, check(Value::Null));
    assert!(advice(port, Rule::Healthcheck).lines.contains("localhost:3000 "));
}

#[test]
fn an_images_own_health_check_counts_field_by_field() {
    let of_image = |value: Value| Healthcheck::read(&value).unwrap();
    let full = json!({"Test": ["CMD", "true"], "Interval": 10 * SECOND, "Timeout": 3 * SECOND,
        "StartPeriod": 5 * SECOND, "Retries": 3});
    for (own, images, expected) in [
        (Value::Null, full.clone(), vec![]),
        (json!({"Test": null, "StartPeriod": 0}), full.clone(), vec![]),
        (json!({"Test": ["NONE"]}), full.clone(), vec![Rule::Healthcheck]),
        (Value::Null, json!({"Test": ["NONE"]}), vec![Rule::Healthcheck]),
        (json!({"Interval": null, "StartPeriod": null}), full.clone(), vec![]),
        (json!({"Retries": 4, "Test": null}), full, vec![Rule::Monitor]),
        (Value::Null, json!({"Test": ["CMD", "true"]}), vec![Rule::StartPeriod, Rule::Monitor]),
    ] {
        let (told, images) = (own.to_string(), of_image(images));
        let spec = changed(check(own));
        let facts = Facts { image: Image::Known(Some(&images)), ..Facts::of(&spec) };
        assert_eq!(rules(&facts), expected, "{told} {images:?}");
    }
}

#[test]
fn an_image_that_could_not_be_looked_at_is_told_as_unknown() {
    let spec = changed(check(Value::Null));
    let said = advise(&Facts::of(&spec));
    let [only] = &said[..] else { panic!("{said:?}") };
    assert_eq!(only.rule, Rule::Healthcheck);
    assert!(only.reason.contains("can't be seen"), "{}", only.reason);
    assert_eq!(rules(&Facts::of(&changed(json!({})))), []);
}

#[test]
fn start_period() {
    says(check(json!({"StartPeriod": 0})), &[Rule::StartPeriod]);
    let slow = check(json!({"StartPeriod": null, "Interval": 60 * SECOND}));
    reason_has(slow, Rule::StartPeriod, &["comes 1m after", "more than about 3m3s"]);
}

#[test]
fn start_first() {
    let stop_first = || update(json!({"Order": "stop-first"}));
    says(stop_first(), &[Rule::StartFirst]);
    says(update(json!({"Order": ""})), &[Rule::StartFirst]);
    says(both(stop_first(), mode(json!({"Global": {}}))), &[Rule::StartFirst]);
    for (replicas, parallelism, part) in [
        (1, 1, "there is only one"),
        (4, 2, "leaves 2 of 4"),
        (2, 3, "leaves 0 of 2"),
        (4, 0, "all 4 do so at once"),
    ] {
        let tasks = json!({"Mode": {"Replicated": {"Replicas": replicas}},
            "UpdateConfig": {"Parallelism": parallelism}});
        reason_has(both(tasks, stop_first()), Rule::StartFirst, &[part]);
    }
}

#[test]
fn nothing_is_to_start_first_where_that_does_harm() {
    let stop_first =
        || both(update(json!({"Order": "stop-first"})), json!({"RollbackConfig": null}));
    for kind in ["bind", "volume", "cluster"] {
        let mounts = container(json!({"Mounts": [{"Type": kind, "Source": "data"}]}));
        says(both(mounts, stop_first()), &[]);
    }
    for mount in [
        json!({"Type": "tmpfs"}),
        json!({"Type": "bind", "Source": "/etc/x", "ReadOnly": true}),
        Value::Null,
    ] {
        let mounts = container(json!({"Mounts": [mount]}));
        says(both(mounts, stop_first()), &[Rule::StartFirst, Rule::Rollback]);
    }
    let ports = json!({"EndpointSpec": {"Ports":
        [{"TargetPort": 80, "PublishedPort": 80, "PublishMode": "host"}]}});
    says(both(ports, stop_first()), &[]);
    says(both(json!({"TaskTemplate": {"Placement": {"MaxReplicas": 1}}}), stop_first()), &[]);
}

#[test]
fn host_ports() {
    let port = |published: u16, mode: &str| {
        json!({"EndpointSpec": {"Ports":
            [{"TargetPort": 80, "PublishedPort": published, "PublishMode": mode}]}})
    };
    says(port(8080, "host"), &[Rule::HostPorts]);
    says(port(8080, "ingress"), &[]);
    says(port(0, "host"), &[]);
    let only_update = both(port(8080, "host"), json!({"RollbackConfig": null}));
    assert_eq!(
        advice(only_update, Rule::HostPorts).lines,
        "services:\n  web:\n    deploy:\n      update_config:\n        order: stop-first"
    );
    assert_eq!(
        advice(port(8080, "host"), Rule::HostPorts).lines,
        "services:\n  web:\n    deploy:\n      update_config:\n        order: stop-first\n      \
         rollback_config:\n        order: stop-first"
    );
}

#[test]
fn max_replicas() {
    let limit = |limit: u64| json!({"TaskTemplate": {"Placement": {"MaxReplicas": limit}}});
    says(limit(2), &[Rule::MaxReplicas]);
    reason_has(limit(2), Rule::MaxReplicas, &["up to 5 tasks", "need 3 nodes", "with fewer"]);
    says(both(limit(2), mode(json!({"Global": {}}))), &[]);
    let all = both(limit(2), update(json!({"Parallelism": 0})));
    reason_has(all, Rule::MaxReplicas, &["up to 8 tasks", "need 4 nodes"]);
    for (nodes, expected) in [(2, vec![Rule::MaxReplicas]), (3, vec![])] {
        let spec = changed(limit(2));
        assert_eq!(rules(&Facts { nodes: Some(nodes), ..Facts::of(&spec) }), expected);
    }
}

#[test]
fn failure_action() {
    says(update(json!({"FailureAction": null})), &[Rule::FailureAction]);
    reason_has(update(json!({"FailureAction": "pause"})), Rule::FailureAction, &["stops where"]);
    reason_has(update(json!({"FailureAction": "continue"})), Rule::FailureAction, &["goes on"]);
}

#[test]
fn rollback() {
    let config = |changes: Value| json!({"RollbackConfig": changes});
    says(config(Value::Null), &[Rule::Rollback]);
    says(config(json!({"Order": "stop-first"})), &[Rule::Rollback]);
    says(config(json!({"FailureAction": "continue"})), &[]);
    let turns = config(json!({"FailureAction": "rollback"}));
    says(turns.clone(), &[Rule::Rollback]);
    assert!(advice(turns, Rule::Rollback).lines.ends_with("      failure_action: pause"));
}

#[test]
fn monitor() {
    says(update(json!({"Monitor": 0})), &[Rule::Monitor]);
    says(update(json!({"Monitor": 33 * SECOND - 1})), &[Rule::Monitor]);
    let figures = ["for 5s after", "up to 33s", "3 times 10s, and 3s"];
    reason_has(update(json!({"Monitor": 0})), Rule::Monitor, &figures);
    let defaults = check(json!({"Interval": 0, "Timeout": null, "Retries": null}));
    assert!(advice(defaults, Rule::Monitor).lines.ends_with("        monitor: 2m"));
    let absurd = check(json!({"Interval": u64::MAX, "Retries": u64::MAX}));
    says(absurd, &[Rule::Monitor]);
}

#[test]
fn max_failure_ratio() {
    says(update(json!({"MaxFailureRatio": 0.25})), &[Rule::MaxFailureRatio]);
    reason_has(update(json!({"MaxFailureRatio": 0.25})), Rule::MaxFailureRatio, &["25%"]);
}

#[test]
fn parallelism() {
    let all = || update(json!({"Parallelism": 0}));
    says(all(), &[Rule::Parallelism]);
    reason_has(all(), Rule::Parallelism, &["all 4 tasks"]);
    says(both(all(), mode(json!({"Global": {}}))), &[Rule::Parallelism]);
    says(both(all(), json!({"Mode": {"Replicated": {"Replicas": 1}}})), &[]);
}

#[test]
fn stop_grace_period() {
    says(container(json!({"StopGracePeriod": null})), &[Rule::StopGracePeriod]);
    let zero = container(json!({"StopGracePeriod": 0}));
    reason_has(zero, Rule::StopGracePeriod, &["killed 0s after"]);
    says(container(json!({"StopGracePeriod": SECOND})), &[]);
}

#[test]
fn traefik_lbswarm() {
    let labels = |changes: Value| json!({"Labels": changes});
    says(labels(json!({"traefik.swarm.lbswarm": null})), &[Rule::TraefikLbswarm]);
    says(labels(json!({"traefik.swarm.lbswarm": "false"})), &[Rule::TraefikLbswarm]);
    says(
        labels(json!({"traefik.swarm.lbswarm": null, "traefik.enable": null})),
        &[Rule::TraefikLbswarm],
    );
    says(labels(json!({"traefik.swarm.lbswarm": null, "Traefik.Docker.LBSwarm": "1"})), &[]);
    says(labels(json!({"traefik.swarm.lbswarm": null, "traefik.enable": "false"})), &[]);
    says(labels(Value::Null), &[]);
    let old = labels(json!({"traefik.swarm.lbswarm": null, "traefik.docker.network": "flix"}));
    let by_dns = both(old, json!({"EndpointSpec": {"Mode": "dnsrr"}}));
    assert_eq!(
        advice(by_dns, Rule::TraefikLbswarm).lines,
        "services:\n  web:\n    deploy:\n      labels:\n        \
         - \"traefik.docker.lbswarm=true\"\n      endpoint_mode: vip"
    );
}

#[test]
fn traefik_prefix() {
    let mixed = json!({"Labels": {"traefik.docker.network": "a\"$b\nc"}});
    says(mixed.clone(), &[Rule::TraefikPrefix]);
    assert_eq!(
        advice(mixed, Rule::TraefikPrefix).lines,
        "services:\n  web:\n    deploy:\n      labels:\n        \
         - \"traefik.swarm.network=a\\\"$$b\\nc\""
    );
    let old = json!({"traefik.swarm.lbswarm": null, "traefik.docker.lbswarm": "true"});
    says(json!({"Labels": old}), &[]);
}

#[test]
fn traefik_vip() {
    let by_dns = json!({"EndpointSpec": {"Mode": "dnsrr"}});
    says(by_dns.clone(), &[Rule::TraefikVip]);
    says(both(by_dns, json!({"Labels": null})), &[]);
}

#[test]
fn one_shot() {
    let restart =
        |condition: &str| json!({"TaskTemplate": {"RestartPolicy": {"Condition": condition}}});
    let inside = || json!({"Labels": null});
    says(both(inside(), restart("none")), &[Rule::OneShot]);
    says(both(inside(), restart("on-failure")), &[]);
    says(restart("none"), &[]);
    says(both(restart("none"), mode(json!({"ReplicatedJob": {}}))), &[Rule::OneShot]);
    let bare = json!({"UpdateConfig": null, "RollbackConfig": null});
    says(both(bare, both(restart("none"), mode(json!({"GlobalJob": {}})))), &[]);
    assert_eq!(
        advice(both(inside(), restart("none")), Rule::OneShot).lines,
        "services:\n  shop_web:\n    deploy:\n      mode: replicated-job\n      \
         # and neither update_config nor rollback_config"
    );
}

#[test]
fn image_digest() {
    let tag = container(json!({"Image": "registry.example.com/shop/web:1"}));
    says(tag.clone(), &[Rule::ImageDigest]);
    assert_eq!(
        advice(tag, Rule::ImageDigest).lines,
        "services:\n  web:\n    image: \"registry.example.com/shop/web:1@sha256:…\""
    );
}

#[test]
fn logins() {
    let spec = |image: &str| changed(container(json!({"Image": image})));
    let own = || spec("registry.example.com/web@sha256:00");
    let job = Some("gitlab-ci-token");
    for (spec, login, expected) in [
        (own(), Login::Unknown, vec![]),
        (own(), Login::Absent, vec![Rule::RegistryAuth]),
        (own(), Login::Brought { user: Some("deploy") }, vec![]),
        (own(), Login::Brought { user: None }, vec![]),
        (own(), Login::Brought { user: job }, vec![Rule::JobToken]),
        (spec("localhost/web@sha256:00"), Login::Absent, vec![Rule::RegistryAuth]),
        (spec("jwilder/whoami@sha256:00"), Login::Absent, vec![]),
        (spec("nginx@sha256:00"), Login::Absent, vec![]),
        (spec("ghcr.io/a/b@sha256:00"), Login::Absent, vec![]),
        (spec("ghcr.io.example.com/b@sha256:00"), Login::Absent, vec![Rule::RegistryAuth]),
    ] {
        let facts = Facts { login, ..Facts::of(&spec) };
        assert_eq!(rules(&facts), expected, "{} {login:?}", spec.image);
    }
}

#[test]
fn hostile_names_stay_within_their_quotes() {
    let name = "x\n    command: rm\u{1b}[2J".repeat(300);
    let spec = changed(json!({"Name": name, "UpdateConfig": {"Order": "stop-first"}}));
    let said = advise(&Facts::of(&spec));
    let lines: Vec<_> = said[0].lines.lines().collect();
    assert_eq!(lines.len(), 5);
    assert!(lines[1].starts_with("  \"x\\n") && lines[1].ends_with("\":"), "{}", lines[1]);
    assert!(!said[0].lines.contains('\u{1b}'));
}

/// What `docker stack deploy` makes of the article's stack file.
fn whoami(rest: Value) -> Spec {
    let mut whole = json!({
        "Name": "whoami_hello",
        "Labels": {
            "com.docker.stack.image": "jwilder/whoami:latest",
            "com.docker.stack.namespace": "whoami",
            "traefik.enable": "true",
            "traefik.http.routers.whoami.entrypoints": "web-secured",
            "traefik.http.routers.whoami.rule": "Host(`whoami.tannguyen.org`)",
            "traefik.http.routers.whoami.tls.certresolver": "mytlschallenge",
            "traefik.http.services.whoami.loadbalancer.server.port": "8000",
        },
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": "jwilder/whoami:latest@sha256:c621c699e1becc851a27716df9773fa9a3f6bccb\
                          331e6702330057a688fd1d5a",
            },
            "Networks": [{"Target": "flix", "Aliases": ["hello"]}],
        },
        "Mode": {"Replicated": {"Replicas": 2}},
    });
    merge(&mut whole, rest);
    Spec::read(whole).unwrap()
}

fn told(spec: &Spec) -> String {
    let facts = Facts { image: Image::Known(None), login: Login::Absent, ..Facts::of(spec) };
    let advice: Vec<_> = advise(&facts).iter().map(ToString::to_string).collect();
    advice.join("\n\n") + "\n"
}

#[test]
fn the_articles_first_stack_file() {
    assert_eq!(told(&whoami(json!({}))), include_str!("tests/first.txt"));
}

#[test]
fn the_articles_final_stack_file() {
    let spec = whoami(json!({
        "Labels": {"traefik.docker.lbswarm": "true"},
        "TaskTemplate": {"ContainerSpec": {"Healthcheck": {
            "Test": ["CMD-SHELL",
                "wget --quiet --tries=1 --spider http://localhost:8000 || exit 1"],
            "Interval": 60 * SECOND, "Timeout": 3 * SECOND, "StartPeriod": 5 * SECOND,
            "Retries": 3}}},
        "UpdateConfig": {"Parallelism": 1, "Order": "start-first", "FailureAction": "rollback",
            "Delay": 10 * SECOND},
        "RollbackConfig": {"Parallelism": 0, "Order": "stop-first"},
    }));
    assert_eq!(told(&spec), include_str!("tests/final.txt"));
}

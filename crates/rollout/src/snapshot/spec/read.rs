//! A specification as the Docker API has it: of `GET /services`, `POST /services/create` and
//! `POST /services/{id}/update`
//! (<https://docs.docker.com/reference/api/engine/version/v1.45/#tag/Service>).
//!
//! Whatever is absent, null or of a kind that nobody knew when this was written counts as not set:
//! dockerd checks what it is asked for, and a cluster newer than this program has more than is
//! known here. Keys are looked for in the case that dockerd writes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::{FailureAction, Healthcheck, Mode, Order, Port, PublishMode, Spec, UpdateConfig};

/// The label by which `docker stack deploy` marks what it creates
/// (<https://github.com/docker/cli/blob/v28.5.2/cli/compose/convert/compose.go>).
const STACK_LABEL: &str = "com.docker.stack.namespace";

impl Spec {
    /// Reads a specification; none if it is no object. Without a name, the cluster makes one up.
    pub fn read(whole: Value) -> Option<Self> {
        if !whole.is_object() {
            return None;
        }
        let labels = map(&whole["Labels"]);
        let task = &whole["TaskTemplate"];
        let (container, placement, restart) =
            (&task["ContainerSpec"], &task["Placement"], &task["RestartPolicy"]);
        let endpoint = &whole["EndpointSpec"];
        Some(Self {
            name: text(&whole["Name"]).unwrap_or_default(),
            stack: labels.get(STACK_LABEL).cloned(),
            labels,
            mode: mode(&whole["Mode"]),
            image: text(&container["Image"]).unwrap_or_default(),
            container_labels: map(&container["Labels"]),
            environment: variables(&container["Env"]),
            healthcheck: Healthcheck::read(&container["Healthcheck"]),
            stop_grace_period: duration(&container["StopGracePeriod"]),
            constraints: texts(&placement["Constraints"]),
            max_replicas_per_node: count(&placement["MaxReplicas"]),
            restart_condition: text(&restart["Condition"]),
            max_attempts: count(&restart["MaxAttempts"]),
            restart_delay: duration(&restart["Delay"]),
            update: update_config(&whole["UpdateConfig"]),
            rollback: update_config(&whole["RollbackConfig"]),
            endpoint_mode: text(&endpoint["Mode"]),
            ports: list(&endpoint["Ports"]).iter().filter_map(port).collect(),
            networks: networks(&whole),
            force_update: task["ForceUpdate"].as_u64().unwrap_or_default(),
            whole,
        })
    }
}

impl Healthcheck {
    /// Reads a health check as a service's specification has it, and an image's configuration
    /// (`GET /images/{name}/json`, `Config.Healthcheck`). In both, zero stands for what isn't set.
    pub fn read(value: &Value) -> Option<Self> {
        value.is_object().then(|| Self {
            test: texts(&value["Test"]),
            interval: nonzero(&value["Interval"]),
            timeout: nonzero(&value["Timeout"]),
            start_period: nonzero(&value["StartPeriod"]),
            retries: count(&value["Retries"]),
        })
    }
}

/// Without any, dockerd takes it for a replicated service of one replica
/// (<https://github.com/moby/moby/blob/v28.5.2/daemon/cluster/convert/service.go>).
fn mode(value: &Value) -> Mode {
    let job = &value["ReplicatedJob"];
    if value["Global"].is_object() {
        Mode::Global
    } else if value["GlobalJob"].is_object() {
        Mode::GlobalJob
    } else if job.is_object() {
        let concurrent = job["MaxConcurrent"].as_u64().unwrap_or(1);
        let completions = job["TotalCompletions"].as_u64().unwrap_or(concurrent);
        Mode::ReplicatedJob { completions, concurrent }
    } else {
        Mode::Replicated { replicas: value["Replicated"]["Replicas"].as_u64().unwrap_or(1) }
    }
}

fn update_config(value: &Value) -> Option<UpdateConfig> {
    value.is_object().then(|| UpdateConfig {
        parallelism: value["Parallelism"].as_u64().unwrap_or_default(),
        delay: duration(&value["Delay"]).unwrap_or_default(),
        failure_action: match value["FailureAction"].as_str() {
            Some("continue") => FailureAction::Continue,
            Some("rollback") => FailureAction::Rollback,
            _ => FailureAction::Pause,
        },
        monitor: nonzero(&value["Monitor"]),
        max_failure_ratio: value["MaxFailureRatio"].as_f64().unwrap_or_default(),
        order: match value["Order"].as_str() {
            Some("start-first") => Order::StartFirst,
            _ => Order::StopFirst,
        },
    })
}

fn port(value: &Value) -> Option<Port> {
    let number = |value: &Value| value.as_u64().and_then(|number| u16::try_from(number).ok());
    Some(Port {
        target: number(&value["TargetPort"])?,
        published: number(&value["PublishedPort"]).filter(|published| *published > 0),
        // dockerd doesn't mind the case here.
        mode: match value["PublishMode"].as_str().map(str::to_uppercase).as_deref() {
            Some("HOST") => PublishMode::Host,
            _ => PublishMode::Ingress,
        },
    })
}

/// Those of the tasks; where these have none, those of the service, as clients before API 1.25
/// wrote them.
fn networks(whole: &Value) -> Vec<String> {
    let of = |value: &Value| -> Vec<_> {
        list(value).iter().filter_map(|network| text(&network["Target"])).collect()
    };
    let networks = of(&whole["TaskTemplate"]["Networks"]);
    if networks.is_empty() { of(&whole["Networks"]) } else { networks }
}

/// The names of `NAME=value` and `NAME`.
fn variables(value: &Value) -> Vec<String> {
    let name = |variable: &str| variable.split('=').next().unwrap_or_default().to_owned();
    list(value).iter().filter_map(Value::as_str).map(name).collect()
}

/// An empty text is one that isn't set.
fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn texts(value: &Value) -> Vec<String> {
    list(value).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn map(value: &Value) -> BTreeMap<String, String> {
    let pairs = value.as_object().into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A number of which zero means that there is none.
fn count(value: &Value) -> Option<u64> {
    value.as_u64().filter(|count| *count > 0)
}

/// Given in nanoseconds.
fn duration(value: &Value) -> Option<Duration> {
    value.as_u64().map(Duration::from_nanos)
}

/// A duration of which zero means that there is none.
fn nonzero(value: &Value) -> Option<Duration> {
    duration(value).filter(|duration| !duration.is_zero())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(whole: Value) -> Spec {
        Spec::read(whole).unwrap()
    }

    #[test]
    fn all_that_is_set_is_read() {
        let whole = json!({
            "Name": "whoami_hello",
            "Labels": {"com.docker.stack.namespace": "whoami", "traefik.enable": "true"},
            "TaskTemplate": {
                "ContainerSpec": {
                    "Image": "jwilder/whoami:latest@sha256:00",
                    "Labels": {"a": "b"},
                    "Env": ["PASSWORD=a=b", "EMPTY"],
                    "Healthcheck": {
                        "Test": ["CMD-SHELL", "true"],
                        "Interval": 60_000_000_000_u64,
                        "Timeout": 3_000_000_000_u64,
                        "StartPeriod": 5_000_000_000_u64,
                        "Retries": 3,
                    },
                    "StopGracePeriod": 20_000_000_000_u64,
                },
                "Placement": {"Constraints": ["node.role == worker"], "MaxReplicas": 2},
                "RestartPolicy": {"Condition": "on-failure", "Delay": 0, "MaxAttempts": 4},
                "Networks": [{"Target": "n1", "Aliases": ["hello"]}],
                "ForceUpdate": 7,
            },
            "Mode": {"Replicated": {"Replicas": 2}},
            "UpdateConfig": {
                "Parallelism": 1,
                "Delay": 10_000_000_000_u64,
                "FailureAction": "rollback",
                "Monitor": 30_000_000_000_u64,
                "MaxFailureRatio": 0.25,
                "Order": "start-first",
            },
            "RollbackConfig": {"Parallelism": 0, "FailureAction": "continue", "Order": "stop-first"},
            "EndpointSpec": {
                "Mode": "dnsrr",
                "Ports": [
                    {"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8080, "PublishMode": "host"},
                    {"TargetPort": 81},
                ],
            },
        });
        let seconds = Duration::from_secs;
        let expected = Spec {
            name: "whoami_hello".into(),
            labels: [("com.docker.stack.namespace", "whoami"), ("traefik.enable", "true")]
                .map(|(key, value)| (key.into(), value.into()))
                .into(),
            stack: Some("whoami".into()),
            mode: Mode::Replicated { replicas: 2 },
            image: "jwilder/whoami:latest@sha256:00".into(),
            container_labels: [("a".into(), "b".into())].into(),
            environment: vec!["PASSWORD".into(), "EMPTY".into()],
            healthcheck: Some(Healthcheck {
                test: vec!["CMD-SHELL".into(), "true".into()],
                interval: Some(seconds(60)),
                timeout: Some(seconds(3)),
                start_period: Some(seconds(5)),
                retries: Some(3),
            }),
            stop_grace_period: Some(seconds(20)),
            constraints: vec!["node.role == worker".into()],
            max_replicas_per_node: Some(2),
            restart_condition: Some("on-failure".into()),
            max_attempts: Some(4),
            restart_delay: Some(Duration::ZERO),
            update: Some(UpdateConfig {
                parallelism: 1,
                delay: seconds(10),
                failure_action: FailureAction::Rollback,
                monitor: Some(seconds(30)),
                max_failure_ratio: 0.25,
                order: Order::StartFirst,
            }),
            rollback: Some(UpdateConfig {
                parallelism: 0,
                delay: Duration::ZERO,
                failure_action: FailureAction::Continue,
                monitor: None,
                max_failure_ratio: 0.0,
                order: Order::StopFirst,
            }),
            endpoint_mode: Some("dnsrr".into()),
            ports: vec![
                Port { target: 80, published: Some(8080), mode: PublishMode::Host },
                Port { target: 81, published: None, mode: PublishMode::Ingress },
            ],
            networks: vec!["n1".into()],
            force_update: 7,
            whole: whole.clone(),
        };
        assert_eq!(read(whole), expected);
    }

    #[test]
    fn what_is_absent_null_zero_or_unknown_is_not_set() {
        let nothing = read(json!({"Name": "web"}));
        for whole in [
            json!({"Name": "web", "Labels": null, "TaskTemplate": null, "Mode": null,
                "UpdateConfig": null, "RollbackConfig": null, "EndpointSpec": null}),
            json!({"Name": "web",
                "TaskTemplate": {
                    "ContainerSpec": {"Image": "", "Env": null, "Healthcheck": null},
                    "Placement": {"MaxReplicas": 0}, "RestartPolicy": {"MaxAttempts": 0},
                    "Networks": []},
                "Mode": {"Replicated": {}}, "EndpointSpec": {"Mode": "", "Ports": null}}),
            json!({"Name": "web", "Labels": [1], "TaskTemplate": 3, "Mode": {"Swarmed": {}},
                "EndpointSpec": {"Ports": [{"TargetPort": 70_000}, 1]}}),
        ] {
            let read = Spec { whole: nothing.whole.clone(), ..read(whole) };
            assert_eq!(read, nothing);
        }
        assert_eq!(nothing.mode, Mode::Replicated { replicas: 1 });
        assert_eq!((nothing.update, nothing.image), (None, String::new()));
    }

    #[test]
    fn a_value_that_nobody_knows_yet_leaves_the_rest_read() {
        let spec = read(json!({"Name": "web", "UpdateConfig":
            {"Order": "sideways", "FailureAction": "shrug", "Parallelism": 3, "Monitor": 0}}));
        let update = spec.update.unwrap();
        assert_eq!((update.order, update.failure_action), Default::default());
        assert_eq!((update.parallelism, update.monitor), (3, None));
    }

    #[test]
    fn a_health_check_without_figures_leaves_them_to_the_image() {
        let healthcheck = json!({"Test": ["NONE"], "Interval": 0, "Retries": 0});
        let spec = read(json!({"Name": "web",
            "TaskTemplate": {"ContainerSpec": {"Healthcheck": healthcheck}}}));
        let none = Healthcheck { test: vec!["NONE".into()], ..Healthcheck::default() };
        assert_eq!(spec.healthcheck, Some(none));
    }

    #[test]
    fn every_mode_has_dockers_defaults() {
        for (mode, expected) in [
            (json!({"Global": {}}), Mode::Global),
            (json!({"GlobalJob": {}}), Mode::GlobalJob),
            (json!({"Replicated": {"Replicas": 0}}), Mode::Replicated { replicas: 0 }),
            (json!({"ReplicatedJob": {}}), Mode::ReplicatedJob { completions: 1, concurrent: 1 }),
            (
                json!({"ReplicatedJob": {"MaxConcurrent": 3}}),
                Mode::ReplicatedJob { completions: 3, concurrent: 3 },
            ),
            (
                json!({"ReplicatedJob": {"MaxConcurrent": 2, "TotalCompletions": 8}}),
                Mode::ReplicatedJob { completions: 8, concurrent: 2 },
            ),
        ] {
            assert_eq!(read(json!({"Name": "web", "Mode": mode})).mode, expected);
        }
    }

    #[test]
    fn networks_of_old_clients_count_where_the_tasks_have_none() {
        let old = json!({"Name": "web", "Networks": [{"Target": "old"}]});
        assert_eq!(read(old).networks, ["old"]);
        let both = json!({"Name": "web", "Networks": [{"Target": "old"}],
            "TaskTemplate": {"Networks": [{"Target": "new"}]}});
        assert_eq!(read(both).networks, ["new"]);
    }

    #[test]
    fn what_is_no_object_is_none_and_a_name_may_be_left_to_the_cluster() {
        for whole in [json!(null), json!([1]), json!("web")] {
            assert_eq!(Spec::read(whole), None);
        }
        for whole in [json!({}), json!({"Name": ""}), json!({"Name": 1})] {
            assert_eq!(read(whole).name, "");
        }
    }

    #[test]
    fn a_ports_mode_is_read_in_any_case() {
        let ports = json!([{"TargetPort": 80, "PublishMode": "Host"}]);
        let spec = read(json!({"Name": "web", "EndpointSpec": {"Ports": ports}}));
        assert_eq!(spec.ports[0].mode, PublishMode::Host);
    }
}

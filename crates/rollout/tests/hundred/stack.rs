//! A stack of many services, of the size that such things have in real life.

use rollout::expectation::{After, Before, Deed, Expectation};
use rollout::snapshot::Service;
use serde_json::{Value, json};

/// Tasks of each service.
const REPLICAS: usize = 3;

/// What the job has done with the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It was updated; the new tasks never get to run.
    Rolls,
    /// It was removed, each service has a network of its own, and all networks are in use for ever.
    Lingers,
}

/// The stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stack {
    pub(crate) services: usize,
    pub(crate) state: State,
}

impl Stack {
    /// `GET /services`.
    pub(crate) fn services(self) -> String {
        let services = (0..self.present()).map(Self::service);
        list(services)
    }

    /// `GET /tasks`: those of before and the new ones.
    pub(crate) fn tasks(self) -> String {
        let places = (0..self.present()).flat_map(|it| (1..=REPLICAS).map(move |slot| (it, slot)));
        list(places.flat_map(|(number, slot)| [true, false].map(|old| task(number, slot, old))))
    }

    /// `GET /nodes`.
    pub(crate) fn nodes() -> Value {
        let node = |number: usize| {
            json!({
                "ID": format!("n{number}"),
                "Spec": { "Role": "worker", "Availability": "active", "Labels": { "zone": "a" } },
                "Description": {
                    "Hostname": format!("worker{number}"),
                    "Platform": { "Architecture": "x86_64", "OS": "linux" },
                },
                "Status": { "State": "ready", "Addr": format!("10.0.0.{number}") },
            })
        };
        (1..=5).map(node).collect()
    }

    /// `GET /networks/{id}`: of all services, whichever network it is.
    pub(crate) fn network(self) -> Value {
        let services = (0..self.services).map(|number| (name(number), json!({ "Tasks": [] })));
        json!({ "Name": "net", "Services": services.collect::<serde_json::Map<_, _>>() })
    }

    /// What the job has to expect.
    pub(crate) fn expectations(self) -> Vec<Expectation> {
        (0..self.services).map(|number| self.expectation(number)).collect()
    }

    fn present(self) -> usize {
        match self.state {
            State::Rolls => self.services,
            State::Lingers => 0,
        }
    }

    fn expectation(self, number: usize) -> Expectation {
        let service = Self::service(number).to_string();
        let Service { id, spec, previous, version, update, updated_at: at, .. } =
            Service::read(service.as_bytes()).unwrap();
        let tasks = (1..=REPLICAS).map(|slot| task_id(number, slot, true)).collect();
        let before = Before { spec: previous.unwrap(), version: version - 1, tasks };
        let after = After { spec, version, update, at };
        let (deed, after) = match self.state {
            State::Rolls => (Deed::Updated, Some(after)),
            State::Lingers => (Deed::Removed, None),
        };
        let stack = Some("shop".to_owned());
        Expectation { id, name: name(number), stack, deed, before: Some(before), after }
    }

    fn service(number: usize) -> Value {
        json!({
            "ID": format!("s{number}"),
            "Version": { "Index": 100 },
            "CreatedAt": "2026-01-01T00:00:00Z",
            "UpdatedAt": "2026-01-02T00:00:00Z",
            "Spec": spec(number, "v2"),
            "PreviousSpec": spec(number, "v1"),
            "Endpoint": { "VirtualIPs": [{ "NetworkID": "net", "Addr": "10.0.1.2/24" }] },
            "UpdateStatus": {
                "State": "updating",
                "StartedAt": "2026-01-02T00:00:00Z",
                "Message": "update in progress",
            },
        })
    }
}

/// Written piece by piece: all of it as values would be most of the memory that is measured.
fn list(values: impl Iterator<Item = Value>) -> String {
    let texts: Vec<_> = values.map(|value| value.to_string()).collect();
    format!("[{}]", texts.join(","))
}

fn name(number: usize) -> String {
    format!("shop_service{number}")
}

fn task_id(number: usize, slot: usize, is_old: bool) -> String {
    format!("t{number}-{slot}-{}", if is_old { "old" } else { "new" })
}

fn task(number: usize, slot: usize, is_old: bool) -> Value {
    let version = if is_old { "v1" } else { "v2" };
    let state = if is_old { "running" } else { "preparing" };
    json!({
        "ID": task_id(number, slot, is_old),
        "ServiceID": format!("s{number}"),
        "Slot": slot,
        "NodeID": format!("n{}", slot + 1),
        "CreatedAt": "2026-01-02T00:00:00Z",
        "DesiredState": "running",
        "Status": {
            "State": state,
            "Timestamp": "2026-01-02T00:00:01Z",
            "Message": state,
            "ContainerStatus": { "ContainerID": "c".repeat(64), "ExitCode": 0 },
        },
        "Spec": template(number, version),
    })
}

fn spec(number: usize, version: &str) -> Value {
    let router = format!("traefik.http.routers.service{number}");
    let labels: serde_json::Map<_, _> = (0..12)
        .map(|it| (format!("{router}.middlewares{it}"), json!(format!("a-middleware-of-{it}"))))
        .collect();
    json!({
        "Name": name(number),
        "Labels": labels,
        "TaskTemplate": template(number, version),
        "Mode": { "Replicated": { "Replicas": REPLICAS } },
        "UpdateConfig": {
            "Parallelism": 1,
            "FailureAction": "rollback",
            "Monitor": 5_000_000_000_u64,
            "Order": "start-first",
        },
        "EndpointSpec": { "Mode": "vip" },
    })
}

fn template(number: usize, version: &str) -> Value {
    let environment: Vec<_> =
        (0..20).map(|it| format!("VARIABLE_{it}=the value of variable {it}")).collect();
    json!({
        "ContainerSpec": {
            "Image": format!("registry.example.com/shop/service{number}:{version}@sha256:{}", "a".repeat(64)),
            "Labels": { "com.docker.stack.namespace": "shop" },
            "Env": environment,
            "Healthcheck": { "Test": ["CMD", "wget", "-q", "http://localhost"], "Interval": 1_000_000_000 },
            "StopGracePeriod": 10_000_000_000_u64,
            "Isolation": "default",
        },
        "Resources": { "Limits": { "MemoryBytes": 268_435_456 }, "Reservations": {} },
        "RestartPolicy": { "Condition": "any", "Delay": 5_000_000_000_u64, "MaxAttempts": 0 },
        "Placement": { "Constraints": ["node.labels.zone == a"] },
        "Networks": [{ "Target": format!("net{number}"), "Aliases": ["service"] }],
        "ForceUpdate": 0,
        "Runtime": "container",
    })
}

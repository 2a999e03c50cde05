//! One look at a service: raw JSON of Docker's API, without what nobody reads.

use job::{Failure, Result};
use serde_json::{Map, Value, json};
use testkit::nodes::Node;

/// Fields of a service that are kept whole.
const SERVICE: &[&str] = &[
    "ID",
    "Version",
    "CreatedAt",
    "UpdatedAt",
    "Spec",
    "PreviousSpec",
    "UpdateStatus",
    "JobStatus",
];

/// Fields of a task, by their paths.
const TASK: &[&str] = &[
    "ID",
    "CreatedAt",
    "ServiceID",
    "Slot",
    "NodeID",
    "DesiredState",
    "JobIteration",
    "Status/Timestamp",
    "Status/State",
    "Status/Message",
    "Status/Err",
    "Status/ContainerStatus/ContainerID",
    "Status/ContainerStatus/ExitCode",
    "Spec/ContainerSpec/Image",
    "Spec/ForceUpdate",
];

/// Fields of a node, by their paths.
const NODE: &[&str] = &[
    "ID",
    "Spec/Role",
    "Spec/Availability",
    "Spec/Labels",
    "Description/Hostname",
    "Description/Platform",
    "Description/Engine/Labels",
    "Status/State",
    "Status/Addr",
];

/// Looks at the service that has this name and, once it is known, this ID.
pub(crate) async fn look(manager: &Node, name: &str, id: Option<&str>) -> Result<Value> {
    let service = manager.get(&format!("/services/{}", id.unwrap_or(name))).await?;
    let service = if service.status == 404 { Value::Null } else { expect(service.body)? };
    let id = service["ID"].as_str().or(id).unwrap_or_default().to_owned();
    let tasks = tasks(manager, name, &id, false).await?;
    let up_to_date = tasks_ids(&self::tasks(manager, name, &id, true).await?);
    let nodes = list(manager, "/nodes", NODE).await?;
    let lingering = if service.is_null() { lingering(manager, name).await? } else { Vec::new() };
    Ok(json!({
        "service": pick(&service, SERVICE),
        "tasks": tasks,
        "up_to_date": up_to_date,
        "nodes": nodes,
        "lingering": lingering,
    }))
}

/// The tasks of the service, also once it is removed: the filter `service` would be answered with 404.
async fn tasks(manager: &Node, name: &str, id: &str, up_to_date: bool) -> Result<Vec<Value>> {
    let only = if up_to_date { r#","_up-to-date":{"true":true}"# } else { "" };
    let filters = format!(r#"{{"name":{{"{name}":true}}{only}}}"#);
    let path = format!("/tasks?filters={}", percent_encoded(&filters));
    let mut tasks = list(manager, &path, TASK).await?;
    tasks.retain(|task| task["ServiceID"] == id);
    tasks.sort_by_key(|task| task["CreatedAt"].as_str().map(str::to_owned));
    Ok(tasks)
}

fn tasks_ids(tasks: &[Value]) -> Vec<Value> {
    tasks.iter().map(|task| task["ID"].clone()).collect()
}

/// Overlay networks that still know endpoints of the service, as far as this manager is on them.
async fn lingering(manager: &Node, name: &str) -> Result<Vec<Value>> {
    let mut lingering = Vec::new();
    for network in list(manager, "/networks", &["Id", "Name", "Scope"]).await? {
        if network["Scope"] != "swarm" {
            continue;
        }
        let path = format!("/networks/{}?verbose=true", network["Id"].as_str().unwrap_or_default());
        let detail = manager.get(&path).await?.body;
        let endpoints = detail["Services"][name]["Tasks"].as_array().map_or(0, Vec::len);
        if endpoints > 0 {
            lingering.push(network["Name"].clone());
        }
    }
    Ok(lingering)
}

async fn list(manager: &Node, path: &str, fields: &[&str]) -> Result<Vec<Value>> {
    let answer = manager.get(path).await?.body;
    match answer.as_array() {
        Some(all) => Ok(all.iter().map(|one| pick(one, fields)).collect()),
        None => Err(Failure::system(format!("{path} of {}: {answer}", manager.name))),
    }
}

/// An answer that is no complaint, such as one about a missing leader.
fn expect(body: Value) -> Result<Value> {
    if body["ID"].is_string() { Ok(body) } else { Err(Failure::system(body.to_string())) }
}

/// The fields at these paths, in the same places.
fn pick(value: &Value, paths: &[&str]) -> Value {
    if value.is_null() {
        return Value::Null;
    }
    let mut picked = json!({});
    for path in paths {
        if let Some(found) = value.pointer(&format!("/{path}")).filter(|it| !it.is_null()) {
            *place(&mut picked, path) = found.clone();
        }
    }
    picked
}

fn place<'a>(mut at: &'a mut Value, path: &str) -> &'a mut Value {
    for name in path.split('/') {
        if at.is_null() {
            *at = Value::Object(Map::new());
        }
        at = &mut at[name];
    }
    at
}

fn percent_encoded(text: &str) -> String {
    let encoded = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    });
    encoded.collect()
}

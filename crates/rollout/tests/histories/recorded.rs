//! The files: raw JSON of the Docker API, made into snapshots as the watch makes them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rollout::expectation::{After, Before, Deed, Expectation};
use rollout::snapshot::{Service, Snapshot, read};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// One file.
pub(crate) struct History {
    pub(crate) truth: Truth,
    /// In the order of their time, each of them whole.
    pub(crate) looks: Vec<Look>,
}

/// The first line.
#[derive(Deserialize)]
pub(crate) struct Truth {
    id: String,
    name: String,
    stack: String,
    deed: Deed,
    pub(crate) outcome: String,
    pub(crate) reasons: Vec<String>,
    pub(crate) before: Option<Value>,
    pub(crate) after: Value,
}

/// What was seen at one time.
pub(crate) struct Look {
    pub(crate) at: Duration,
    pub(crate) seen: Map<String, Value>,
    snapshot: Snapshot,
}

impl History {
    /// The names of all rows of which there is a file.
    pub(crate) fn rows() -> Vec<String> {
        let files = std::fs::read_dir(directory()).unwrap().map(|file| file.unwrap().path());
        let histories = files.filter(|path| path.extension().is_some_and(|it| it == "jsonl"));
        let mut rows: Vec<_> = histories
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        rows.sort();
        rows
    }

    pub(crate) fn of(row: &str) -> Self {
        let text = std::fs::read_to_string(directory().join(format!("{row}.jsonl"))).unwrap();
        let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let truth = Truth::deserialize(&lines.next().unwrap()["expect"]).unwrap();
        let mut seen = Map::new();
        let look = |line: Value| {
            let Value::Object(news) = line else { panic!("{row}: {line}") };
            seen.extend(news);
            let at = Duration::from_secs_f64(seen["at"].as_f64().unwrap());
            Look { at, snapshot: snapshot(at, &seen), seen: seen.clone() }
        };
        let looks = lines.map(look).collect();
        Self { truth, looks }
    }

    pub(crate) fn expectation(&self) -> Expectation {
        let Truth { id, name, stack, deed, before, after, .. } = &self.truth;
        let service = |json: &Value| Service::read(json.to_string().as_bytes()).unwrap();
        let before = before.as_ref().map(|before| {
            let Service { spec, version, .. } = service(&before["service"]);
            let tasks = before["tasks"].as_array().unwrap().iter();
            let tasks = tasks.map(|task| task["ID"].as_str().unwrap().to_owned()).collect();
            Before { spec, version, tasks }
        });
        let after = (!after.is_null()).then(|| {
            let Service { spec, version, update, updated_at: at, .. } = service(after);
            After { spec, version, update, at }
        });
        let (id, name, stack) = (id.clone(), name.clone(), Some(stack.clone()));
        Expectation { id, name, stack, deed: *deed, before, after }
    }

    /// What a watch sees at this time: the latest look; after the last one nothing changes any more.
    pub(crate) fn at(&self, at: Duration) -> Option<Snapshot> {
        let look = self.looks.iter().rev().find(|look| look.at <= at)?;
        Some(Snapshot { at, ..look.snapshot.clone() })
    }
}

fn directory() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories")
}

fn snapshot(at: Duration, seen: &Map<String, Value>) -> Snapshot {
    let up_to_date: BTreeSet<String> = serde_json::from_value(seen["up_to_date"].clone()).unwrap();
    let json = |key| seen.get(key).unwrap_or(&json!([])).to_string();
    let service = Some(&seen["service"]).filter(|service| !service.is_null());
    let tasks = read::tasks(json("tasks").as_bytes(), &up_to_date).unwrap();
    Snapshot {
        at,
        service: service.map(|json| Service::read(json.to_string().as_bytes()).unwrap()),
        tasks: tasks.into_iter().map(|(_, task)| task).collect(),
        nodes: Arc::from(read::nodes(json("nodes").as_bytes()).unwrap()),
        lingering: serde_json::from_str(&json("lingering")).unwrap(),
    }
}

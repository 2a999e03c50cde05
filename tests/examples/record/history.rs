//! The looks of one row in the order of their time, and the file that they become.

use std::path::Path;
use std::time::Duration;

use job::{Failure, Result};
use scenarios::rollouts::Stack;
use serde_json::{Value, json};
use testkit::nodes::{Node, SwarmHandle};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::look::look;

/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(250);

/// What was seen of one row, and what it means.
pub(crate) struct History {
    row: &'static str,
    lines: Vec<Value>,
}

impl History {
    /// Plays the row's script and looks on until nothing changes any more.
    pub(crate) async fn of(swarm: &SwarmHandle, manager: &Node, stack: &Stack) -> Result<Self> {
        let (row, name) = (stack.row, stack.service());
        let before = look(manager, &name, None).await?;
        stack.run(manager, row.change, row.script).await?;
        let began = Instant::now();
        let id = match before["service"]["ID"].as_str() {
            Some(id) => id.to_owned(),
            None => look(manager, &name, None).await?["service"]["ID"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        };
        let after = look(manager, &name, Some(&id)).await?["service"].clone();
        let before = if before["service"].is_null() { Value::Null } else { before };
        let expect = json!({
            "row": row.name,
            "id": id,
            "name": name,
            "stack": stack.name(),
            "deed": row.truth.deed,
            "outcome": row.truth.outcome,
            "reasons": row.truth.reasons,
            "engine": manager.engine_version().await?,
            "version": after["Version"]["Index"],
            "before": before,
            "after": after,
        });
        let mut history = Self { row: row.name, lines: vec![json!({ "expect": expect })] };
        // On a machine that others use, all takes longer.
        let end = began + Duration::from_secs(row.truth.seconds * 3 / 2);
        let looks = history.look_on(manager, &name, &id, began, end);
        let (looks, others) = tokio::join!(looks, stack.meanwhile(swarm, manager));
        looks.and(others)?;
        Ok(history)
    }

    /// Looks until the end, and keeps what has changed.
    async fn look_on(
        &mut self,
        manager: &Node,
        name: &str,
        id: &str,
        began: Instant,
        end: Instant,
    ) -> Result<()> {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = json!({});
        while Instant::now() < end {
            ticks.tick().await;
            let at = began.elapsed();
            // While the managers elect a leader nothing is seen.
            let Ok(seen) = look(manager, name, Some(id)).await else { continue };
            let news = news(&last, &seen);
            if news.as_object().is_some_and(|news| !news.is_empty()) {
                self.keep(at, news);
            }
            last = seen;
        }
        self.keep(began.elapsed(), json!({}));
        Ok(())
    }

    fn keep(&mut self, at: Duration, mut line: Value) {
        let milliseconds = u32::try_from(at.as_millis()).unwrap_or(u32::MAX);
        line["at"] = json!(f64::from(milliseconds) / 1000.0);
        self.lines.push(line);
    }

    /// Writes the file; the result is its size in bytes.
    pub(crate) fn write(self) -> Result<usize> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
            .with_file_name("crates")
            .join("rollout/tests/histories");
        let path = directory.join(format!("{}.jsonl", self.row));
        let mut text = self.lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
        text.push('\n');
        let written =
            std::fs::create_dir_all(&directory).and_then(|()| std::fs::write(&path, &text));
        written.map_err(|error| {
            Failure::system(format!("cannot write {}", path.display())).caused_by(error)
        })?;
        Ok(text.len())
    }
}

/// What of this look is not as in the last one.
fn news(last: &Value, seen: &Value) -> Value {
    let mut news = json!({});
    for (name, value) in seen.as_object().into_iter().flatten() {
        if last.get(name) != Some(value) {
            news[name] = value.clone();
        }
    }
    news
}

//! When the looks of a history have shown that it ended so. Read from the API's own JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rollout::judge::Deadlines;
use rollout::verdict::Reason;
use serde_json::{Map, Value};

use crate::recorded::{History, Look};

/// So many ends in one slot are a loop.
const LOOP: usize = 3;

/// The reason's name, as histories and reports have it.
pub(crate) fn word(reason: &Reason) -> String {
    serde_json::to_value(reason).unwrap()["kind"].as_str().unwrap().to_owned()
}

/// When it is known that the history ends for this reason; none if it doesn't.
pub(crate) fn known(history: &History, reason: &Reason, deadlines: Deadlines) -> Option<Duration> {
    let state = |wanted: &'static str| first(history, move |look| update(look) == wanted);
    match reason {
        Reason::Converged | Reason::RolledBackAsAsked => runs_for_good(history),
        Reason::Unchanged => {
            let before = &history.truth.before.as_ref()?["tasks"];
            ever_since(history, |look| look.seen["tasks"] == *before)
        }
        Reason::Completed => {
            let completed = |look: &Look| count(look, |task| state_of(task) == "complete");
            ever_since(history, |look| completed(look) == wanted(look))
        }
        Reason::ScaledToZero | Reason::Removed => {
            let gone = |look: &Look| look.seen["service"].is_null() && nothing_lingers(look);
            let is_removal = history.truth.after.is_null();
            ever_since(history, |look| {
                count(look, |task| !has_ended(task)) == 0 && (!is_removal || gone(look))
            })
        }
        Reason::SupersededByUpdate => first(history, |look| {
            look.seen["service"]["Spec"] != history.truth.after["Spec"]
                && !look.seen["service"].is_null()
        }),
        Reason::RemovedByOthers => ever_since(history, |look| look.seen["service"].is_null()),
        Reason::Paused { .. } => state("paused"),
        Reason::RolledBack { .. } => state("rollback_completed"),
        Reason::RollbackPaused { .. } => state("rollback_paused"),
        Reason::CrashLoop { .. } => loops(history),
        Reason::CompletedWithoutConvergence => loops(history).max(state("completed")),
        Reason::Exhausted | Reason::JobFailed => ever_since(history, |look| {
            count(look, |task| !has_ended(task)) == 0
                && count(look, |task| state_of(task) == "failed") > 0
        }),
        // The last thing that happened is the first look's.
        Reason::NoProgress { .. } => Some(history.looks[0].at + deadlines.progress),
        Reason::OutOfTime { .. } => Some(deadlines.total),
    }
}

/// Since when as many tasks as asked for have run, and for as long as `monitor` asks for: by what was
/// seen, or else by the nodes' clocks, where the updater itself had watched them.
fn runs_for_good(history: &History) -> Option<Duration> {
    let looks = history.looks.iter();
    let mut since: Option<(Duration, BTreeSet<&str>)> = None;
    for look in looks {
        let running: BTreeSet<&str> = good(look).filter_map(|task| task["ID"].as_str()).collect();
        let is_busy = ["updating", "rollback_started"].contains(&update(look));
        let runs = running.len() as u64 == wanted(look) && !is_busy;
        since = match since {
            Some((since, same)) if runs && same == running => Some((since, same)),
            _ if runs => Some((look.at, running)),
            _ => None,
        };
    }
    let (since, tasks) = since?;
    let last = history.looks.last()?;
    let began = tasks.iter().map(|id| seen_running(history, id));
    let latest = began.filter(|began| *began > history.looks[0].at).max();
    let stable = latest.map_or(Duration::ZERO, |latest| latest + monitor(last));
    Some(since.max(stable))
}

fn seen_running(history: &History, id: &str) -> Duration {
    let runs = |look: &&Look| good(look).any(|task| task["ID"] == id);
    history.looks.iter().find(runs).map_or(Duration::MAX, |look| look.at)
}

fn monitor(look: &Look) -> Duration {
    let spec = &look.seen["service"]["Spec"];
    let rolls_back = update(look).starts_with("rollback");
    let config = if rolls_back { "RollbackConfig" } else { "UpdateConfig" };
    spec[config]["Monitor"].as_u64().map_or(Duration::from_secs(5), Duration::from_nanos)
}

/// The third end of tasks of what is asked for in one slot.
fn loops(history: &History) -> Option<Duration> {
    let mut ended = BTreeMap::<u64, BTreeSet<&str>>::new();
    for look in &history.looks {
        for task in up_to_date(look).filter(|task| has_ended(task)) {
            let slot = task["Slot"].as_u64().unwrap_or_default();
            let ended = ended.entry(slot).or_default();
            ended.insert(task["ID"].as_str()?);
            if ended.len() == LOOP {
                return Some(look.at);
            }
        }
    }
    None
}

fn first(history: &History, shows: impl Fn(&Look) -> bool) -> Option<Duration> {
    history.looks.iter().find(|look| shows(look)).map(|look| look.at)
}

/// Since when all looks show it.
fn ever_since(history: &History, shows: impl Fn(&Look) -> bool) -> Option<Duration> {
    history.looks.iter().rev().take_while(|look| shows(look)).last().map(|look| look.at)
}

/// How many places shall be filled.
fn wanted(look: &Look) -> u64 {
    let mode = &look.seen["service"]["Spec"]["Mode"];
    let number = |mode: &str, key: &str| look.seen["service"]["Spec"]["Mode"][mode][key].as_u64();
    let active = |node: &&Value| {
        node["Status"]["State"] == "ready" && node["Spec"]["Availability"] == "active"
    };
    if mode.get("Global").is_some() {
        return look.seen["nodes"].as_array().unwrap().iter().filter(active).count() as u64;
    }
    number("Replicated", "Replicas").or(number("ReplicatedJob", "TotalCompletions")).unwrap()
}

/// The tasks of what is asked for that run and shall, on nodes that are there.
fn good(look: &Look) -> impl Iterator<Item = &Value> {
    let ready = |id: &Value| {
        let mut nodes = look.seen["nodes"].as_array().into_iter().flatten();
        nodes.any(|node| node["ID"] == *id && node["Status"]["State"] == "ready")
    };
    up_to_date(look).filter(move |task| {
        state_of(task) == "running" && task["DesiredState"] == "running" && ready(&task["NodeID"])
    })
}

fn up_to_date(look: &Look) -> impl Iterator<Item = &Value> {
    let ids = look.seen["up_to_date"].as_array().unwrap();
    tasks(&look.seen).filter(|task| ids.contains(&task["ID"]))
}

fn count(look: &Look, is: impl Fn(&Value) -> bool) -> u64 {
    tasks(&look.seen).filter(|task| is(task)).count() as u64
}

fn tasks(seen: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    seen["tasks"].as_array().into_iter().flatten()
}

fn nothing_lingers(look: &Look) -> bool {
    look.seen["lingering"].as_array().is_none_or(Vec::is_empty)
}

fn update(look: &Look) -> &str {
    look.seen["service"]["UpdateStatus"]["State"].as_str().unwrap_or_default()
}

fn state_of(task: &Value) -> &str {
    task["Status"]["State"].as_str().unwrap_or_default()
}

fn has_ended(task: &Value) -> bool {
    ["complete", "shutdown", "failed", "rejected", "remove", "orphaned"].contains(&state_of(task))
}

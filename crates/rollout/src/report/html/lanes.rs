//! Which task is drawn where: one row for each slot, in it as many lanes as tasks overlap.

use std::time::Duration;

use crate::record::TaskLine;

/// One slot, or one node's place in the global modes.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) label: String,
    pub(super) lanes: Vec<Vec<&'a TaskLine>>,
}

/// The rows, in the order of the tasks.
pub(super) fn rows(tasks: &[TaskLine]) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for task in tasks {
        let label = label(task);
        match rows.iter_mut().find(|row| row.label == label) {
            Some(row) => row.place(task),
            None => rows.push(Row { label, lanes: vec![vec![task]] }),
        }
    }
    rows
}

/// When it was first seen.
pub(super) fn begin(task: &TaskLine) -> Duration {
    task.states.first().map(|(at, _)| *at).unwrap_or_default()
}

/// When it ended; none if it was there to the last.
pub(super) fn end(task: &TaskLine) -> Option<Duration> {
    task.states.iter().find(|(_, state)| state.is_terminal()).map(|(at, _)| *at)
}

impl<'a> Row<'a> {
    fn place(&mut self, task: &'a TaskLine) {
        let free = |lane: &&mut Vec<&TaskLine>| {
            let last = lane.last().and_then(|last| end(last));
            last.is_some_and(|end| end <= begin(task))
        };
        match self.lanes.iter_mut().find(free) {
            Some(lane) => lane.push(task),
            None => self.lanes.push(vec![task]),
        }
    }
}

fn label(task: &TaskLine) -> String {
    match (task.slot, &task.node) {
        (Some(slot), _) => format!("slot {slot}"),
        (None, Some(node)) => node.clone(),
        (None, None) => "no node".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::task;
    use crate::snapshot::TaskState::{Failed, Running, Shutdown, Starting};

    #[test]
    fn tasks_that_overlap_have_lanes_of_their_own() {
        let tasks = [
            task("old", 1, "a", false, &[(0.0, Running), (5.0, Shutdown)]),
            task("new", 1, "a", true, &[(2.0, Starting), (4.0, Running)]),
            task("later", 1, "a", true, &[(5.0, Starting), (6.0, Failed)]),
            task("other", 2, "a", true, &[(2.0, Starting)]),
        ];
        let rows = rows(&tasks);
        let told: Vec<_> = rows
            .iter()
            .map(|row| {
                let ids = |lane: &Vec<&TaskLine>| lane.iter().map(|it| it.id.clone()).collect();
                (row.label.as_str(), row.lanes.iter().map(ids).collect::<Vec<Vec<_>>>())
            })
            .collect();
        let lane = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            told,
            [
                ("slot 1", vec![lane(&["old", "later"]), lane(&["new"])]),
                ("slot 2", vec![lane(&["other"])]),
            ]
        );
    }
}

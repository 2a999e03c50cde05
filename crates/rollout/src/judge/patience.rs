//! How long it is since anything went on.
//!
//! Progress is what a loop of crashes can't make: a place that gets further than it ever was, more places
//! filled than ever, fewer tasks left to end than ever, another state of the update.

use std::collections::BTreeMap;
use std::time::Duration;

use time::OffsetDateTime;

use super::place::Place;
use crate::snapshot::{Task, TaskState, Update, UpdateConfig, UpdateState};

/// What had been reached when something last went on.
#[derive(Debug, Default)]
pub(super) struct Patience {
    since: Duration,
    furthest: BTreeMap<Place, TaskState>,
    most_reached: u64,
    fewest_leaving: Option<u64>,
    update: Option<(UpdateState, Option<OffsetDateTime>)>,
}

impl Patience {
    /// For how long nothing has gone on.
    pub(super) fn spent(&self, at: Duration) -> Duration {
        at.saturating_sub(self.since)
    }

    /// Takes the state of the update into account; in another one all begins anew.
    pub(super) fn note_update(&mut self, at: Duration, update: Option<&Update>) {
        let update = update.map(|update| (update.state, update.started_at));
        if update != self.update {
            *self = Self { since: at, update, ..Self::default() };
        }
    }

    /// Takes the places into account that are filled, and the tasks that have yet to end.
    pub(super) fn note_counts(&mut self, at: Duration, reached: u64, leaving: u64) {
        if reached > self.most_reached {
            self.most_reached = reached;
            self.since = at;
        }
        if self.fewest_leaving.is_none_or(|fewest| leaving < fewest) {
            self.fewest_leaving = Some(leaving);
            self.since = at;
        }
    }

    /// Takes a task of what is asked for into account.
    pub(super) fn note_task(&mut self, at: Duration, place: &Place, task: &Task) {
        if task.state > TaskState::Complete {
            return;
        }
        match self.furthest.get_mut(place) {
            Some(furthest) if *furthest >= task.state => return,
            Some(furthest) => *furthest = task.state,
            None => drop(self.furthest.insert(place.clone(), task.state)),
        }
        self.since = at;
    }
}

/// For how long an update that goes well may show nothing new: between two tasks it waits for `delay`,
/// after the last one for `monitor`, and for longer than `delay`
/// (<https://github.com/moby/swarmkit/blob/v2.1.1/manager/orchestrator/update/updater.go>, `Run`).
pub(super) fn quiet(config: Option<&UpdateConfig>, monitor: Duration) -> Duration {
    let delay = config.map(|config| config.delay).unwrap_or_default();
    delay + if delay >= monitor { delay + Duration::from_secs(1) } else { monitor }
}

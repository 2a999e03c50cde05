//! Whose specification is in force: the one asked for, the previous one that the orchestrator went back
//! to, or somebody else's.
//!
//! The API names no author; what it gives is compared
//! (<https://github.com/moby/swarmkit/blob/v2.1.1/manager/controlapi/service.go>, `UpdateService`, and
//! `manager/orchestrator/update/updater.go`):
//!
//! - every update takes `UpdateStatus` away and makes the specification of then the previous one, even
//!   where both are the same;
//! - an automatic rollback keeps `StartedAt` and leaves no previous specification;
//! - a rollback that somebody asks for begins at a new `StartedAt` and swaps the two.

use std::sync::Arc;

use time::OffsetDateTime;

use super::census;
use crate::expectation::{After, Deed, Expectation};
use crate::snapshot::{Service, Spec, UpdateState};

/// Whose specification is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Author {
    /// The one that was asked for.
    Asked,
    /// The orchestrator's, who went back after failures.
    Orchestrator,
    /// Somebody else's.
    Other,
}

/// What the looks so far have told of the update that was asked for.
#[derive(Debug, Default)]
pub(super) struct Authorship {
    known: Option<Known>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    /// When the update began; none as long as it has made nothing dirty.
    started: Option<OffsetDateTime>,
    /// Whether there is a previous specification, and whether it is the same.
    previous: Previous,
    iteration: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Previous {
    None,
    Same,
    Different,
}

impl Authorship {
    /// Judges a look that is not older than the change.
    pub(super) fn of(
        &mut self,
        service: &Service,
        expectation: &Expectation,
        after: &After,
    ) -> Author {
        if !same(&service.spec, &after.spec) {
            return self.of_another_specification(service, expectation, after);
        }
        let now = Known {
            started: service.update.as_ref().and_then(|update| update.started_at),
            previous: previous(service, &after.spec),
            iteration: census::iteration(service),
        };
        let author = match &self.known {
            None => first_author(service, expectation, now.previous),
            Some(known) => known.author_of(&now, service, expectation),
        };
        if author == Author::Asked {
            self.remember(now, after);
        }
        author
    }

    fn of_another_specification(
        &self,
        service: &Service,
        expectation: &Expectation,
        after: &After,
    ) -> Author {
        let Some(update) = &service.update else { return Author::Other };
        let began = self.known.as_ref().and_then(|known| known.started);
        let began = began.or_else(|| after.update.as_ref().and_then(|update| update.started_at));
        let ours = match began {
            Some(began) => update.started_at == Some(began),
            None => update.started_at >= after.at,
        };
        let could = expectation.deed != Deed::RolledBack
            && service.previous.is_none()
            && matches!(
                update.state,
                UpdateState::RollbackStarted
                    | UpdateState::RollbackPaused
                    | UpdateState::RollbackCompleted
                    // What becomes of a paused rollback whose failure action is rollback.
                    | UpdateState::Completed
            );
        if ours && could { Author::Orchestrator } else { Author::Other }
    }

    /// What was known first stays known, so that a look too few doesn't hide a change.
    fn remember(&mut self, now: Known, after: &After) {
        let known = self.known.get_or_insert_with(|| Known {
            started: after.update.as_ref().and_then(|update| update.started_at),
            ..now
        });
        known.started = now.started.or(known.started);
    }
}

impl Known {
    fn author_of(&self, now: &Self, service: &Service, expectation: &Expectation) -> Author {
        let goes_back = expectation.deed != Deed::RolledBack && is_rollback(service);
        let same_start = now.started == self.started || self.started.is_none();
        if now.iteration != self.iteration {
            Author::Other
        } else if now.previous == self.previous {
            // A start that is gone or another, with nothing else changed, is a leader who forgot.
            if now.previous != Previous::Same || same_start { Author::Asked } else { Author::Other }
        } else if goes_back && now.previous == Previous::None && same_start {
            Author::Orchestrator
        } else {
            Author::Other
        }
    }
}

/// The author as far as a first look tells: of rollbacks, the orchestrator's own leave no previous
/// specification.
fn first_author(service: &Service, expectation: &Expectation, previous: Previous) -> Author {
    let own = expectation.deed == Deed::RolledBack || !is_rollback(service);
    if own || previous != Previous::None { Author::Asked } else { Author::Orchestrator }
}

fn is_rollback(service: &Service) -> bool {
    service.update.as_ref().is_some_and(|update| {
        matches!(
            update.state,
            UpdateState::RollbackStarted
                | UpdateState::RollbackPaused
                | UpdateState::RollbackCompleted
        )
    })
}

fn previous(service: &Service, spec: &Arc<Spec>) -> Previous {
    match &service.previous {
        None => Previous::None,
        Some(previous) if same(previous, spec) => Previous::Same,
        Some(_) => Previous::Different,
    }
}

fn same(one: &Arc<Spec>, other: &Arc<Spec>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

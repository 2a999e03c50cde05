//! What the swarm does after a service was created, updated, removed or rolled back.
//!
//! - [`watch`] looks at the swarm: events wake it, polls give it a [`Snapshot`] of each service;
//! - [`judge`] is pure: snapshots go in, with their time, and a [`Verdict`] comes out;
//! - [`report`] tells a person: lines for the job log, a table, and files for `artifacts:`;
//! - [`advise`] reads a service's specification for what will drop requests;
//! - [`probe`] sends requests while all of this goes on.
//!
//! [`Snapshot`]: snapshot::Snapshot
//! [`Verdict`]: verdict::Verdict

pub mod advise;
pub mod expectation;
pub mod explain;
pub mod judge;
pub mod ledger;
pub mod meanwhile;
pub mod placement;
pub mod probe;
pub mod record;
pub mod report;
pub mod snapshot;
pub mod swarm;
pub mod undo;
pub mod verdict;
pub mod watch;

//! The program as a container's first process, reached over carriers that can be cut.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

mod cuts;
mod docker;
mod engine;
#[path = "../shared/flight.rs"]
mod flight;
mod flights;
mod sessions;
mod start;
#[path = "../shared/until.rs"]
mod until;

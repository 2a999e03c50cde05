//! The agent as a child of this process: real pipes, real shells, real processes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]

mod docker;
mod ending;
#[path = "../shared/flight.rs"]
mod flight;
mod marks;
mod output;
mod place;
mod refusal;
#[path = "../shared/until.rs"]
mod until;

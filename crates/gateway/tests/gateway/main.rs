//! The gateway between a job, played byte by byte, and a cluster, played byte by byte.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected has failed"
)]

mod cluster;
mod failures;
mod hijacks;
mod job;
mod log;
mod own_files;
mod refusals;
mod requests;
mod services;
mod stage;
mod streams;
mod witness;

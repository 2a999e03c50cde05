//! Docker CLIs, all that this machine has, at a gateway before a real engine, on every way on which
//! a job's docker gets there: a unix socket, and plain TCP and TLS as docker-in-docker offers them.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected has failed"
)]

mod place;
mod rows;
mod shell;

//! `docker` through the gateway does what it does directly, and what passes is recorded.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod audit;
mod bulk;
mod containers;
mod images;
mod raw;
mod same;
mod settings;
mod swarm;
mod system;

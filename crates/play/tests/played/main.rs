//! Jobs played through small shell drivers, with real processes, files and signals.

#![expect(clippy::unwrap_used, reason = "what a test sets up fails by panicking")]

mod cancel;
mod environment;
mod failures;
mod log;
mod scripts;
mod stages;
mod world;

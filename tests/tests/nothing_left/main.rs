//! However a job ends, no certificate, socket, process or directory of it is left.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

mod accidents;
mod cleanup;
mod endings;
mod key;
mod outside;
mod places;
mod story;

//! Whatever fails, the reader is told what it is and what to do about it, the right side is blamed,
//! and nothing is left behind.
//!
//! The texts are part of the product; `docs/troubleshooting.md` explains them.

mod cluster;
mod credentials;
mod row;
mod script;
mod settings;

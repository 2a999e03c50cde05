//! The contract with GitLab Runner: variables, context, response, settings, failures, secrets.
//!
//! Pure and synchronous: this crate knows neither tokio nor Docker. Everything that comes from
//! outside (environment, response file, settings file) is parsed here, once.

mod failure;
mod secret;

pub use failure::{Blame, Failure, Result};
pub use secret::{ExposeSecret, Secret};

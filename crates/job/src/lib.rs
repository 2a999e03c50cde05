//! The contract with GitLab Runner: variables, context, response, settings, failures, secrets.
//!
//! Pure and synchronous: this crate knows neither tokio nor Docker. Everything that comes from
//! outside (environment, response file, settings file) is parsed here, once.

pub mod settings;

mod context;
mod environment;
mod exit;
mod failure;
mod pull_policy;
mod response;
mod secret;
mod service;
mod stage;
mod variables;

pub use context::{Claims, JobContext, JobKey, Proofs};
pub use environment::{Environment, ProcessEnvironment};
pub use exit::{Ending, FailureCodes};
pub use failure::{Blame, Failure, Result};
pub use pull_policy::{PullPolicy, UnknownPolicy};
pub use response::{Image, JobResponse, RegistryCredential, ResponseError};
pub use secret::{ExposeSecret, Secret};
pub use service::Service;
pub use settings::{Profile, Settings};
pub use stage::Stage;
pub use variables::{Variable, Variables, expand};

//! Placement `engine`: scripts run in containers on one Docker Engine, as users of GitLab's docker
//! executor expect it (<https://docs.gitlab.com/runner/executors/docker/>).
//!
//! [`Wanted`] says what a job asks for and may have, [`Maker`] makes it, [`EngineRecord`] tells the
//! stages after prepare of it. What the job's docker finds in its container is an [`Offer`].

#[cfg(test)]
mod fixture;
mod helper;
mod maker;
mod offer;
mod program;
mod reach;
mod record;
mod services;
mod wanted;

pub(crate) use maker::Maker;
pub(crate) use offer::Offer;
pub(crate) use reach::Reach;
pub(crate) use record::{Container, Containers, EngineRecord, Service};
pub(crate) use wanted::Wanted;

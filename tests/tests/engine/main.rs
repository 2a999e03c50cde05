//! Placement engine: jobs in containers on real engines.

mod article;
mod engines;
mod jobs;
mod project;

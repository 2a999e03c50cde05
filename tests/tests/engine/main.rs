//! Placement engine: jobs in containers on real engines.

mod article;
mod bulk;
mod cancel;
mod cuts;
mod engines;
mod jobs;
mod jobs_docker_access;
mod lifecycle;
mod lifecycle_kept;
mod lifecycle_key;
mod project;
mod real_runner;

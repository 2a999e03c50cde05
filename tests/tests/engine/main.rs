//! Placement engine: jobs in containers on real engines.

mod article;
mod bulk;
mod cancel;
mod cuts;
mod dind;
mod engines;
mod failures;
mod failures_images;
mod failures_scripts;
mod helper;
mod jobs;
mod jobs_docker_access;
mod lifecycle;
mod lifecycle_kept;
mod lifecycle_key;
mod limits;
mod made;
mod project;
mod real_runner;
mod row;
mod services;

//! The four stages that gitlab-runner calls: config, prepare, run, cleanup.

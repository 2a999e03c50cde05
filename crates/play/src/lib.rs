//! Plays gitlab-runner for one job: scripts, environment, order of stages.

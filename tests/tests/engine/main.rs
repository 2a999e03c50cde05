//! Placement engine: jobs in containers on real engines.

mod article;

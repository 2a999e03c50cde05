//! The command for people: try a job here and now.

//! Secrets as types: their `Debug` masks them, they have no `Display`, and their memory is wiped.
//!
//! The type is [`secrecy::SecretString`]; what it holds is reached only through
//! [`ExposeSecret::expose_secret`], which is easy to search for in a review.

pub use secrecy::{ExposeSecret, SecretString as Secret};

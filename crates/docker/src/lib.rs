//! Credentials, certificates and the one mutual-TLS transport to the cluster, and what is done
//! there: [`images`].
//!
//! The way of a connection: [`Credentials`] (three PEM texts from the job's variables, a directory
//! or a command) are checked once and become an [`Identity`]; an [`Endpoint`] says where; a
//! [`Cluster`] joins both into one pooled [`Transport`], which bollard and the gateway share.
//!
//! This crate never trusts the machine's root certificates, never reads the environment by itself
//! and never lets a key's bytes reach an error, a log or a command line.

pub mod certificates_directory;
pub mod cluster;
pub mod credentials;
pub mod endpoint;
pub mod identity;
pub mod images;
#[cfg(test)]
mod mint;
pub mod pem;
pub mod transport;

pub use cluster::{Cluster, ClusterFacts, Limits};
pub use credentials::{Credentials, Origin, Part};
pub use endpoint::Endpoint;
pub use identity::Identity;
pub use transport::{Transport, TransportError};

//! Credentials, certificates and the one transport to Docker Engines, and what is done there:
//! [`images`], [`containers`].
//!
//! The way of a connection: [`Credentials`] (three PEM texts from the job's variables, a directory
//! or a command) are checked once and become an [`Identity`]; an [`Endpoint`] says where; an
//! [`Engine`] joins both into one pooled [`Transport`], which bollard, the gateway and the raw
//! streams into containers share. A [`Cluster`] is an engine that is a swarm's manager. For an
//! engine on the runner machine itself, a [`Socket`] takes the place of both.
//!
//! This crate never trusts the machine's root certificates, never reads the environment by itself
//! and never lets a key's bytes reach an error, a log or a command line.

pub mod address;
pub mod certificates_directory;
pub mod cluster;
pub mod containers;
pub mod credentials;
pub mod endpoint;
pub mod engine;
pub mod identity;
pub mod images;
pub mod local_tls;
mod mint;
pub mod pem;
pub mod transport;

pub use address::{EngineAddress, Socket};
pub use cluster::{Cluster, ClusterFacts};
pub use credentials::{Credentials, Origin, Part};
pub use endpoint::Endpoint;
pub use engine::{ContainerStream, Engine, EngineFacts, Limits};
pub use identity::Identity;
pub use local_tls::LocalTls;
pub use transport::{Transport, TransportError};

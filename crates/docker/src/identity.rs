//! Who we are to the cluster: one rustls configuration with the key in memory.

use std::sync::Arc;

use rustls::ClientConfig;

use crate::credentials::Origin;

/// Checked credentials, ready for any number of connections.
#[derive(Clone, Debug)]
pub struct Identity {
    tls: Arc<ClientConfig>,
    origin: Origin,
}

impl Identity {
    /// An identity from a configuration that trusts the cluster's CA only and holds our key.
    pub fn new(tls: Arc<ClientConfig>, origin: Origin) -> Self {
        Self { tls, origin }
    }

    /// Where the credentials came from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The configuration for one more connection.
    pub(crate) fn tls(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.tls)
    }
}

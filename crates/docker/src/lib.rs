//! Credentials, certificates and the one mutual-TLS transport to the cluster.

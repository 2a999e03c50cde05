//! Against real TLS servers on the loopback interface.

mod faults;
mod relay;
pub(crate) mod server;

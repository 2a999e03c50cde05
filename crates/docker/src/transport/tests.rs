//! Against real TLS servers on the loopback interface, and played engines at unix sockets.

mod faults;
pub(crate) mod played;
mod relay;
pub(crate) mod server;
mod sockets;

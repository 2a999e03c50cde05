//! Against real TLS servers on the loopback interface.

mod faults;
mod relay;
mod server;

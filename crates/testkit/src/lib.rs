//! Real dockerd nodes, the played GitLab and the played runner, for tests and the demo.
//!
//! Owns everything around the product that a test, the demo or the bench needs: a swarm of real
//! engines on this machine, the certificates between them, and the images they run. It refuses to
//! depend on the driver: what it checks, it checks from outside, through sockets, files and
//! processes. Only GitLab is played; Docker never is.
//!
//! Everything here needs root, and Debian's `docker.io`, `git`, `haproxy`, `iproute2`, `iptables`,
//! `busybox-static`, `mmdebstrap`, `openssl` and `util-linux`. Nothing touches an engine that
//! already runs on the machine.

pub mod coordinator;
pub mod git;
pub mod images;
pub mod nodes;
pub mod pki;
mod program;
pub mod proxy;
pub mod registry;
pub mod search;
pub mod wait;
mod web;

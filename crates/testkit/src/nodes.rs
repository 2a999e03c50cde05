//! Real engines on this machine: N dockerd, each a machine of its own, joined to a swarm.
//!
//! ```text
//! runner machine ── testkitN ──┬ switch (bridge, own network namespace)
//!   10.213.N.1                 ├ manager1   10.213.N.10 ┐ each: own network, mounts, processes,
//!                              ├ worker1    10.213.N.11 │ host name, data root, containerd and
//!                              └ worker2    10.213.N.12 ┘ cgroups; mutual TLS on port 2376
//! ```
//!
//! One [`Swarm`] lives in one *lab*: a process namespace under a guardian that ends it with its
//! owner. The kernel then takes processes, mounts and networks down; the guardian removes the
//! files. Several labs stand side by side, told apart by their number N. An engine that already
//! runs on the machine, its sockets, files and networks, is neither used nor touched.
//!
//! nextest runs every test in a process of its own: `cargo xtask test` owns one swarm and names its
//! description in [`VARIABLE`], and each test attaches with [`SwarmHandle::attach_from_env`].

mod api;
mod boot;
mod cables;
mod decoy;
mod docker_cli;
mod front;
mod handle;
mod lab;
mod leader;
mod newest;
mod node;
mod process;
mod service;
mod site;
mod swarm;
mod traces;
mod watch;

pub use api::Answer;
pub use decoy::PlainHttp;
pub use docker_cli::docker_over_tls;
pub use front::Front;
pub use handle::{SwarmHandle, VARIABLE};
pub use newest::{CACHE, SUITE, fetch_newest_engine};
pub use node::{Node, Role};
pub use swarm::{Swarm, SwarmOptions};
pub use watch::{Container, ContainerWatch};

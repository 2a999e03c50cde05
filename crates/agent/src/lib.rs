//! The duplex stream to the place of the script, the mux on it, and the program at its far end.
//!
//! ```text
//! run ── Duplex ── greeting ── mux ─┬ control   Start, Stop ⇄ Started, Exited, Refused
//!                                   ├ shell     the script goes in, its log comes out
//!                                   └ docker×N  one stream per connection of the job
//! ```
//!
//! [`Session`] is the near side, held by `swarm-executor-run`. The far side is all that
//! `swarm-executor-agent` does: it [`serve`]s one script as a child process, or one after the other
//! as a [`container`]'s first process. Placements differ only in how the [`Duplex`] comes about:
//! [`host::spawn`] is one way, and whatever carries bytes in order, both ways, will do. Where it
//! can be cut, a [`link`] goes between it and the greeting, and nothing above knows.
//!
//! Neither side waits for the other where it need not. `run` sends its greeting, what to start, and
//! the script in one go, so that the script's first output is there after one round trip; the agent
//! says of itself how the script ended and good-bye, so that `run` can exit when it hears it.
//!
//! Two properties shape everything here. Nothing grows: each stream has a window of its own, so a
//! reader that stops reading stops its own writer and nobody else. And nothing survives: the end
//! of the duplex is the signal to end the script's processes, so there is no way to kill `run`
//! that leaves them behind. With a link, that end comes when its patience is over or another `run`
//! takes the place of the one that was killed.

mod connection;
pub mod container;
mod control;
mod duplex;
mod error;
mod far;
mod greeting;
mod hangups;
pub mod host;
pub mod link;
mod message;
mod mux;
pub mod probe;
pub mod processes;
mod session;
pub mod stdio;

pub use connection::{DockerConnection, DockerConnections};
pub use duplex::Duplex;
pub use error::AgentError;
pub use far::serve;
pub use message::{Exit, PrivateFile, Socket, Start};
pub use session::{Output, Running, Session, Stopper};

//! A stream that survives cuts: reliable and in order, over carriers that come and go.
//!
//! ```text
//! run ── Link ──┬── attach: the first process's stdin, stdout ──┬── Link ── agent
//!               ├── exec: bridge ── the agent's socket ─────────┤
//!               └── exec: bridge ── the agent's socket ─────────┘
//! ```
//!
//! Both ends keep what the other has not consumed. On each carrier they first tell each other what
//! they have received, and go on exactly there: no byte is lost or repeated. What they keep is
//! bounded by [`Terms::kept`]; a writer that would exceed it waits, and in the end the script does.
//! Each end gives a sign of life every [`Terms::beat`], so that a carrier that has turned into a
//! black hole is noticed after [`Terms::silence`].
//!
//! # The stdin and stdout of a first process
//!
//! They are there once, for all sessions of a container's life, and they hide who is at the other
//! end: with `StdinOnce` off the agent sees no end of file when `run` goes, and what it writes
//! goes to all who are attached, of whom one that has stopped reading holds up the others
//! (<https://github.com/moby/moby/blob/v20.10.24/container/stream/streams.go>). So the agent
//! uses them as long as every session on them ended in order, and after the first that did not it
//! never reads or writes them again. `run` goes by the same rule: [`Way::Attach`] is for the first
//! carrier of a session only, and if no answer comes it goes on by the bridge.
//!
//! A session ends in order when `run` has said its last and then the agent has. So `run` must have
//! all that it wants before it ends the stream (what the agent still had to say may be lost with a
//! carrier), and knows then that nothing of it is left in the stdin that the next one writes to.

mod carry;
mod connect;
mod frame;
mod hello;
mod keep;
mod pauses;
mod state;
mod stream;
mod terms;

pub use connect::{Way, connect};
pub use hello::{Denied, Key};
pub use stream::Link;
pub use terms::Terms;

pub(crate) use carry::Carrier;
pub(crate) use hello::{Hello, SessionId, encode_answer};
pub(crate) use keep::{Arrival, keep};
pub(crate) use stream::Fate;

#[cfg(test)]
mod tests;

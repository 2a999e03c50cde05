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
//! # Who ends a session
//!
//! The agent does. Its last frame says that all that the script had to say is said, and when `run`
//! has heard it, it leaves without another word: an answer would cost nobody but it a round trip.
//! The agent keeps what has not been confirmed, in case `run` was cut off and comes back for it,
//! until the next session begins. `run` can end its stream first, when it has given the script up;
//! then the agent ends the script and, again, the session.
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
//! When a session has ended in order, some of what `run` wrote may be on its way still, for an
//! engine copies each attach by itself
//! (<https://github.com/moby/moby/blob/v20.10.24/container/stream/attach.go>). The agent takes
//! no notice of it: it passes over all that is not a whole hello. `run` in turn passes over all
//! before the answer to its own. What comes later still, behind the next session's hello, can't be
//! told from damage, and is: no frame but that with the carrier's own seal counts, and that session
//! goes on by the bridge. It takes a network that delays the last bytes of one connection for
//! longer than the next one needs to be made.

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

pub(crate) use carry::{Carrier, say};
pub(crate) use hello::{Hello, SessionId, encode_answer};
pub(crate) use keep::{Arrival, keep};
pub(crate) use stream::Fate;

#[cfg(test)]
mod tests;

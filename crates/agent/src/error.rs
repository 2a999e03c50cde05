//! What can go wrong between `run` and its agent, in words for the person who reads the job log.

use crate::link::Denied;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// A failure of the agent or of the way to it; never of the script, whose end is an
/// [`Exit`](crate::Exit).
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The agent's program can't be started on this machine.
    #[error("cannot start the agent {}", .path.display())]
    Spawn {
        /// The program that was to be started.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The other side's first bytes are not a greeting.
    #[error("expected the greeting of swarm-executor-agent, got `{said}`")]
    Stranger {
        /// The first bytes that it sent, escaped.
        said: String,
    },
    /// The other side comes from another release.
    #[error(
        "the other side speaks protocol {theirs} (release {release}) and this one protocol {ours} \
         (release {}); install all swarm-executor programs from one release",
        env!("CARGO_PKG_VERSION")
    )]
    OtherRelease {
        /// The protocol that this program speaks.
        ours: u32,
        /// The protocol that the other side speaks.
        theirs: u32,
        /// The release that the other side comes from.
        release: String,
    },
    /// Nothing came in the time that a greeting may take.
    #[error("no greeting from the agent within {} s", .waited.as_secs())]
    Silent {
        /// How long was waited.
        waited: Duration,
    },
    /// The stream ended while an answer was awaited, or before the script's end was known.
    #[error("the agent went away before it could say how the script ended")]
    Lost,
    /// The agent could not start the script; `reason` is its own account.
    #[error("{reason}")]
    Refused {
        /// What is missing and where it was looked for.
        reason: String,
    },
    /// No carrier to the agent came about for as long as
    /// [`Terms::patience`](crate::link::Terms::patience), or its container is gone. The system's
    /// failure: the script had no part in it.
    #[error("the agent has been out of reach for {} s", .silent.as_secs())]
    OutOfReach {
        /// How long nothing has been heard of it.
        silent: Duration,
        /// What the last attempt ended with.
        source: io::Error,
    },
    /// The agent won't go on with this session.
    #[error(transparent)]
    Denied(Denied),
    /// The stream to the agent broke.
    #[error("the stream to the agent broke")]
    Broken(#[from] io::Error),
}

//! A network that lets `run` speak first and then only the agent, so that a script which runs,
//! and an exit that is heard, can't have cost more than one round trip.

use crate::until::until;
use agent::Duplex;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, DuplexStream, copy, duplex, sink, split};

/// Room for what `run` says and nobody hears.
const ROOM: usize = 1 << 20;

/// Shorter than all that `run` waits for when something is amiss.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(3);

/// Passes on what `run` says until the script has made the file `sign`; and from then on, to it
/// only, what the agent has said. Until then `run` hears nothing, and afterwards nobody hears it.
pub(crate) fn one_flight(agent: impl Duplex, sign: PathBuf) -> DuplexStream {
    let (near, run) = duplex(ROOM);
    tokio::spawn(async move {
        let (mut from_agent, mut to_agent) = split(agent);
        let (mut from_run, mut to_run) = split(run);
        tokio::select! {
            _ = copy(&mut from_run, &mut to_agent) => {}
            _ = until("the script runs", || sign.exists(), |exists| *exists) => {}
        }
        let listen = async {
            copy(&mut from_agent, &mut to_run).await?;
            to_agent.shutdown().await?;
            to_run.shutdown().await
        };
        let mut nobody = sink();
        let _ = tokio::join!(listen, copy(&mut from_run, &mut nobody));
    });
    near
}

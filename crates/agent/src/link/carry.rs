//! One carrier in use, from the first frame to its loss or the session's end.

use super::frame::Garbled;
use super::hello::Denied;
use super::state::Diverged;
use super::stream::Shared;
use crate::Duplex;
use bytes::BytesMut;
use std::future::pending;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::{Instant, sleep_until};

/// Bytes read at once.
const READ: usize = 64 << 10;

/// A stream for as long as it lasts, and what has been read from it but not understood yet.
pub(crate) struct Carrier<D> {
    pub(crate) stream: D,
    pub(crate) buffer: BytesMut,
}

impl<D: Duplex> Carrier<D> {
    pub(crate) fn new(stream: D) -> Self {
        Self { stream, buffer: BytesMut::new() }
    }

    pub(super) fn split(&mut self) -> (Incoming<'_, D>, WriteHalf<&mut D>) {
        let (from, to) = tokio::io::split(&mut self.stream);
        (Incoming { from, buffer: &mut self.buffer }, to)
    }
}

/// The side of a carrier that is read.
pub(super) struct Incoming<'a, D> {
    pub(super) from: ReadHalf<&'a mut D>,
    pub(super) buffer: &'a mut BytesMut,
}

/// Why a carrier is of no use any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum Cut {
    #[error("it closed")]
    Closed,
    #[error("nothing came for too long")]
    Silent,
    #[error(transparent)]
    Broken(#[from] io::Error),
    #[error(transparent)]
    Garbled(#[from] Garbled),
    #[error(transparent)]
    Diverged(#[from] Diverged),
    #[error(transparent)]
    Denied(#[from] Denied),
}

impl From<Cut> for io::Error {
    fn from(cut: Cut) -> Self {
        match cut {
            Cut::Broken(error) => error,
            other => Self::other(other),
        }
    }
}

/// Carries frames both ways until the agent has said its last.
pub(super) async fn carry<D: Duplex>(shared: &Shared, carrier: &mut Carrier<D>) -> Result<(), Cut> {
    let (incoming, to) = carrier.split();
    tokio::select! {
        cut = listen(shared, incoming) => Err(cut),
        spoken = speak(shared, to, Vec::new()) => spoken,
        cut = watch(shared) => Err(cut),
    }
}

/// Returns when the carrier breaks; waits for good after the other end's last frame.
pub(super) async fn listen<D: Duplex>(shared: &Shared, mut incoming: Incoming<'_, D>) -> Cut {
    loop {
        if let Err(garbled) = shared.hear(incoming.buffer) {
            return garbled.into();
        }
        shared.prompt();
        if shared.heard_the_end() {
            return pending().await;
        }
        incoming.buffer.reserve(READ);
        match incoming.from.read_buf(incoming.buffer).await {
            Ok(0) => return Cut::Closed,
            Ok(_) => {}
            Err(error) => return error.into(),
        }
    }
}

/// Says `out` and then all frames, as many as there are in one write. Returns without a cut once
/// the agent has said its last.
pub(super) async fn speak(
    shared: &Shared,
    mut to: impl AsyncWrite + Unpin,
    mut out: Vec<u8>,
) -> Result<(), Cut> {
    loop {
        shared.speak(&mut out);
        if !out.is_empty() {
            to.write_all(&out).await?;
            to.flush().await?;
            out.clear();
        } else if shared.over() {
            return Ok(());
        } else {
            tokio::select! {
                () = shared.prompted() => {}
                () = until(shared.next_beat()) => {}
            }
        }
    }
}

/// Returns when nothing has been heard for too long.
pub(super) async fn watch(shared: &Shared) -> Cut {
    loop {
        let given_up = shared.given_up();
        if given_up.is_some_and(|at| at <= Instant::now()) {
            return Cut::Silent;
        }
        until(given_up).await;
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}

/// Writes a hello or an answer.
pub(crate) async fn say(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes).await?;
    to.flush().await
}

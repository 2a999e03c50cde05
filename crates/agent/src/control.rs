//! The control stream: messages as postcard, each behind its length.
//!
//! Sending never waits, so that it can be done from a `Drop`; the number of messages is bounded by
//! the number of connections, so that the queue can't grow.

use crate::mux::Stream;
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use tokio::io::{ReadHalf, WriteHalf};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

/// Sends messages of one kind to the other side.
///
/// Ends, with everything sent, when the last sender of `messages` is dropped.
pub(crate) async fn speak<M>(messages: UnboundedReceiver<M>, to: WriteHalf<Stream>)
where
    M: Serialize + Send + 'static,
{
    if let Err(error) = forward(messages, to).await {
        tracing::debug!(%error, "the control stream can't be written any more");
    }
}

async fn forward<M: Serialize>(
    mut messages: UnboundedReceiver<M>,
    to: WriteHalf<Stream>,
) -> io::Result<()> {
    let mut sink = FramedWrite::new(to, LengthDelimitedCodec::new());
    while let Some(message) = messages.recv().await {
        let bytes = postcard::to_stdvec(&message).map_err(io::Error::other)?;
        sink.send(Bytes::from(bytes)).await?;
    }
    SinkExt::<Bytes>::close(&mut sink).await
}

/// Messages of one kind from the other side.
pub(crate) struct Ear<M> {
    frames: FramedRead<ReadHalf<Stream>, LengthDelimitedCodec>,
    kind: std::marker::PhantomData<fn() -> M>,
}

impl<M: DeserializeOwned> Ear<M> {
    pub(crate) fn new(from: ReadHalf<Stream>) -> Self {
        let frames = FramedRead::new(from, LengthDelimitedCodec::new());
        Self { frames, kind: std::marker::PhantomData }
    }

    /// The next message; [`None`] when the other side is gone or makes no sense. Safe to cancel.
    pub(crate) async fn hear(&mut self) -> Option<M> {
        let frame = self.frames.next().await?;
        let message =
            frame.and_then(|frame| postcard::from_bytes(&frame).map_err(io::Error::other));
        message.inspect_err(|error| tracing::warn!(%error, "the control stream is broken")).ok()
    }
}

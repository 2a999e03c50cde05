//! Bodies on their way: streamed as they come, or read ahead as far as somebody has to look.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use crate::line::Turn;

/// A body of which the beginning may have been read already. It goes on exactly as it came.
#[derive(Debug)]
pub(crate) struct Streamed {
    ahead: VecDeque<Bytes>,
    rest: Option<Incoming>,
}

impl Streamed {
    /// Reads up to `limit` bytes ahead.
    pub(crate) async fn gather(body: Incoming, limit: usize) -> hyper::Result<Self> {
        let mut gathered = Self { ahead: VecDeque::new(), rest: None };
        let mut body = body;
        let mut length = 0;
        while length <= limit {
            let Some(frame) = body.frame().await else { return Ok(gathered) };
            // Trailers are the only other kind, and nobody sends them with what is gathered here.
            let Ok(data) = frame?.into_data() else { continue };
            length += data.len();
            gathered.ahead.push_back(data);
        }
        gathered.rest = Some(body);
        Ok(gathered)
    }

    /// The body's bytes, if all of it was read ahead.
    pub(crate) fn whole(&self) -> Option<Bytes> {
        if self.rest.is_some() {
            return None;
        }
        Some(match self.ahead.len() {
            1 => self.ahead[0].clone(),
            _ => self.ahead.iter().map(AsRef::as_ref).collect::<Vec<&[u8]>>().concat().into(),
        })
    }
}

impl From<Incoming> for Streamed {
    fn from(body: Incoming) -> Self {
        Self { ahead: VecDeque::new(), rest: Some(body) }
    }
}

impl From<Bytes> for Streamed {
    fn from(bytes: Bytes) -> Self {
        Self { ahead: VecDeque::from([bytes]), rest: None }
    }
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        if let Some(data) = self.ahead.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match &mut self.rest {
            Some(rest) => Pin::new(rest).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_empty() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let ahead = self.ahead.iter().map(|data| data.len() as u64).sum::<u64>();
        let rest = self.rest.as_ref().map_or(SizeHint::with_exact(0), Body::size_hint);
        let mut hint = SizeHint::new();
        hint.set_lower(ahead + rest.lower());
        if let Some(upper) = rest.upper() {
            hint.set_upper(ahead + upper);
        }
        hint
    }
}

/// A request's body, which tells when it has passed whole.
#[derive(Debug)]
pub(crate) struct Asked {
    body: Streamed,
    turn: Arc<Turn>,
}

impl Asked {
    pub(crate) fn new(body: Streamed, turn: Arc<Turn>) -> Self {
        let asked = Self { body, turn };
        asked.tell_end();
        asked
    }

    fn tell_end(&self) {
        if self.body.is_end_stream() || self.body.rest.is_none() {
            self.turn.heard();
        }
    }
}

impl Body for Asked {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() {
            self.turn.heard();
        } else {
            self.tell_end();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body, which tells when hyper is done with it.
#[derive(Debug)]
pub(crate) struct Answer {
    body: Streamed,
    turn: Arc<Turn>,
}

impl Answer {
    pub(crate) fn new(body: impl Into<Streamed>, turn: Arc<Turn>) -> Self {
        Self { body: body.into(), turn }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.turn.answered();
    }
}

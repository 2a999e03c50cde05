//! One end of the link as a pure machine: plain data in, plain data out, the time passed in.
//!
//! Above it are a writer and a reader of a stream, below it carriers that come and go. Bytes stay
//! here until the other end's reader has consumed them, so that the same bound holds for what is
//! kept for sending and for what waits to be read: an end always has room for all that may arrive,
//! always reads its carrier, and so never takes a slow reader for a lost carrier.

use super::frame::{Garbled, Header, Kind, LONGEST, Seal};
use super::terms::Terms;
use bytes::{Buf, BytesMut};
use std::collections::VecDeque;
use tokio::time::Instant;

/// Which end of the link this is. It is the agent that ends a session: `run` has all it wants when
/// it has heard the agent's last frame, and the agent has nothing more to do when it has sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Run,
    Agent,
}

/// What one end knows.
pub(super) struct State {
    role: Role,
    terms: Terms,
    outgoing: Outgoing,
    incoming: Incoming,
    carriage: Option<Carriage>,
}

/// Bytes that the writer has written and the other end's reader has not consumed.
#[derive(Default)]
struct Outgoing {
    kept: VecDeque<u8>,
    /// The offset of the first byte kept.
    start: u64,
    finished: bool,
}

impl Outgoing {
    fn end(&self) -> u64 {
        self.start + self.kept.len() as u64
    }

    fn consumed(&mut self, to: u64) {
        self.kept.drain(..distance(self.start, to));
        self.start = to;
    }
}

/// Bytes that have arrived and the reader has not consumed.
#[derive(Default)]
struct Incoming {
    unread: VecDeque<u8>,
    /// The offset behind the last byte that has arrived.
    received: u64,
    finished: bool,
    /// Nobody reads any more.
    deaf: bool,
}

impl Incoming {
    fn consumed(&self) -> u64 {
        self.received - self.unread.len() as u64
    }
}

/// The state of one carrier.
struct Carriage {
    seal: Seal,
    /// The offset of the next byte to put on it.
    next: u64,
    /// What the other end was last told to be consumed.
    told: u64,
    end_sent: bool,
    heard: Instant,
    spoke: Instant,
}

/// The other end claims to have received what can't be.
#[derive(Debug, thiserror::Error)]
#[error("the two ends of the link do not belong together")]
pub(super) struct Diverged;

fn distance(from: u64, to: u64) -> usize {
    usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX)
}

/// For the writer and the reader.
impl State {
    pub(super) fn new(role: Role, terms: Terms) -> Self {
        let (outgoing, incoming) = Default::default();
        Self { role, terms, outgoing, incoming, carriage: None }
    }

    pub(super) fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Takes in as much as there is room for; zero says to wait.
    pub(super) fn write(&mut self, bytes: &[u8]) -> usize {
        let size = bytes.len().min(self.terms.kept.saturating_sub(self.outgoing.kept.len()));
        self.outgoing.kept.extend(&bytes[..size]);
        size
    }

    /// There will be nothing more to write.
    pub(super) fn finish(&mut self) {
        self.outgoing.finished = true;
    }

    pub(super) fn finished(&self) -> bool {
        self.outgoing.finished
    }

    /// What can be read now. Empty: see [`exhausted`](Self::exhausted).
    pub(super) fn readable(&self) -> &[u8] {
        self.incoming.unread.as_slices().0
    }

    /// The first `size` bytes that could be read have been.
    pub(super) fn consume(&mut self, size: usize) {
        self.incoming.unread.drain(..size);
    }

    /// Whether all has been read that will ever come.
    pub(super) fn exhausted(&self) -> bool {
        self.incoming.finished && self.incoming.unread.is_empty()
    }

    /// Nobody will read any more: what comes is discarded.
    pub(super) fn deafen(&mut self) {
        self.incoming.deaf = true;
        self.incoming.unread = VecDeque::new();
    }

    /// Whether the reader has consumed enough for the other end to be told.
    pub(super) fn has_news(&self) -> bool {
        let told = self.carriage.as_ref().map_or(u64::MAX, |carriage| carriage.told);
        distance(told, self.incoming.consumed()) >= (self.terms.kept / 4).max(1)
    }
}

/// For the carriers.
impl State {
    /// How many bytes have arrived: where the other end has to go on.
    pub(super) fn received(&self) -> u64 {
        self.incoming.received
    }

    /// Goes on over a new carrier, for an other end that has received that many bytes.
    pub(super) fn take_up(
        &mut self,
        now: Instant,
        seal: Seal,
        theirs: u64,
    ) -> Result<(), Diverged> {
        if theirs < self.outgoing.start || theirs > self.outgoing.end() {
            return Err(Diverged);
        }
        let told = self.incoming.consumed();
        let (heard, spoke) = (now, now);
        let end_sent = false;
        self.carriage = Some(Carriage { seal, next: theirs, told, end_sent, heard, spoke });
        Ok(())
    }

    /// The carrier is no more.
    pub(super) fn put_down(&mut self) {
        self.carriage = None;
    }

    /// Takes in all whole frames at the head of `bytes`, up to the other end's last.
    pub(super) fn hear(&mut self, now: Instant, bytes: &mut BytesMut) -> Result<(), Garbled> {
        while !self.incoming.finished {
            let Some(carriage) = &mut self.carriage else { return Ok(()) };
            let Some(header) = Header::read(bytes, carriage.seal)? else { return Ok(()) };
            carriage.heard = now;
            self.accept(header, &bytes[header.payload()])?;
            bytes.advance(header.size());
        }
        Ok(())
    }

    fn accept(&mut self, header: Header, payload: &[u8]) -> Result<(), Garbled> {
        let sent = self.carriage.as_ref().map_or(0, |carriage| carriage.next);
        if header.offset != self.incoming.received || header.consumed > sent {
            return Err(Garbled::Order);
        }
        if self.incoming.unread.len() + payload.len() > self.terms.kept {
            return Err(Garbled::Overrun);
        }
        // One that was told before the last carrier was lost may be older than what is known.
        if header.consumed > self.outgoing.start {
            self.outgoing.consumed(header.consumed);
        }
        self.incoming.received += payload.len() as u64;
        if !self.incoming.deaf {
            self.incoming.unread.extend(payload);
        }
        self.incoming.finished = header.kind == Kind::End;
        Ok(())
    }

    /// Appends the next frame to `out`, if there is anything to say now.
    pub(super) fn speak(&mut self, now: Instant, out: &mut Vec<u8>) {
        let has_news = self.has_news();
        if self.over() {
            return;
        }
        let Some(carriage) = self.carriage.as_mut().filter(|carriage| !carriage.end_sent) else {
            return;
        };
        let from = distance(self.outgoing.start, carriage.next);
        let length = (self.outgoing.kept.len() - from).min(LONGEST);
        let kind = match length {
            1.. => Kind::Data,
            0 if self.outgoing.finished => Kind::End,
            0 if has_news || now >= carriage.spoke + self.terms.beat => Kind::Beat,
            0 => return,
        };
        let consumed = self.incoming.consumed();
        let header = Header { kind, length, offset: carriage.next, consumed };
        header.write(parts(&self.outgoing.kept, from, length), carriage.seal, out);
        carriage.next += length as u64;
        carriage.told = consumed;
        carriage.spoke = now;
        carriage.end_sent = kind == Kind::End;
    }

    /// When to speak again at the latest, if at all.
    pub(super) fn next_beat(&self) -> Option<Instant> {
        let carriage = self.carriage.as_ref().filter(|carriage| !carriage.end_sent)?;
        Some(carriage.spoke + self.terms.beat)
    }

    /// When the carrier is to be given up unless something is heard, if at all: after its last
    /// frame the other end may be silent.
    pub(super) fn given_up(&self) -> Option<Instant> {
        let carriage = self.carriage.as_ref().filter(|_| !self.incoming.finished)?;
        Some(carriage.heard + self.terms.silence)
    }

    /// When the other end was last heard on this carrier.
    pub(super) fn heard(&self) -> Option<Instant> {
        self.carriage.as_ref().map(|carriage| carriage.heard)
    }

    /// Whether the other end has said its last.
    pub(super) fn heard_the_end(&self) -> bool {
        self.incoming.finished
    }

    /// Whether the agent has said its last on this carrier.
    pub(super) fn over(&self) -> bool {
        match self.role {
            Role::Run => self.incoming.finished,
            Role::Agent => self.carriage.as_ref().is_some_and(|carriage| carriage.end_sent),
        }
    }
}

/// `length` bytes of `all` from `from`, which may wrap around its end.
fn parts(all: &VecDeque<u8>, from: usize, length: usize) -> [&[u8]; 2] {
    let (front, back) = all.as_slices();
    let split = front.len();
    let within = |slice: &[u8], offset: usize| {
        let begin = from.saturating_sub(offset).min(slice.len());
        let end = (from + length).saturating_sub(offset).min(slice.len());
        begin..end
    };
    [&front[within(front, 0)], &back[within(back, split)]]
}

#[cfg(test)]
#[path = "state_model.rs"]
mod model;

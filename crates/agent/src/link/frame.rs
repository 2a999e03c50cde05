//! What goes over one carrier: a header of fixed size, the payload, and the carrier's seal.
//!
//! The seal is a random number that `run` draws for each carrier. A program that dies in the
//! middle of a frame leaves the rest of it to be read from what the next one writes to the same
//! stdin; since that one doesn't know the seal, such a frame is never taken for whole.

use bytes::{Buf, BufMut, BytesMut};
use std::ops::Range;

/// The longest payload, in bytes. Small enough for beats to get through between two of them.
pub(super) const LONGEST: usize = 64 << 10;

const HEADER: usize = 1 + 4 + 8 + 8;
const SEAL: usize = size_of::<Seal>();

/// Ends each frame of one carrier.
pub(super) type Seal = [u8; 8];

/// What a frame is for. Each carries the position of its sender and what that one has consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Bytes of the stream, the first one at `offset`.
    Data,
    /// Nothing but `consumed`, and a sign of life.
    Beat,
    /// The stream ends at `offset`; nothing follows on this carrier.
    End,
}

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) length: usize,
    pub(super) offset: u64,
    pub(super) consumed: u64,
}

/// The carrier's bytes are not what the other side writes to it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum Garbled {
    #[error("a frame of an unknown kind")]
    Kind,
    #[error("a frame that is longer than any")]
    Length,
    #[error("a frame without the carrier's seal")]
    Seal,
    #[error("a frame out of order")]
    Order,
    #[error("more bytes than there is room for")]
    Overrun,
}

impl Header {
    /// Appends a frame to `out`.
    pub(super) fn write(self, payload: [&[u8]; 2], seal: Seal, out: &mut Vec<u8>) {
        out.reserve(HEADER + self.length + SEAL);
        out.put_u8(match self.kind {
            Kind::Data => 1,
            Kind::Beat => 2,
            Kind::End => 3,
        });
        // At most `LONGEST`.
        out.put_u32(u32::try_from(self.length).unwrap_or(u32::MAX));
        out.put_u64(self.offset);
        out.put_u64(self.consumed);
        for part in payload {
            out.extend_from_slice(part);
        }
        out.extend_from_slice(&seal);
    }

    /// Looks for a whole frame at the head of `bytes`; [`None`] while it is not all there.
    pub(super) fn read(bytes: &BytesMut, seal: Seal) -> Result<Option<Self>, Garbled> {
        let Some(mut head) = bytes.get(..HEADER) else { return Ok(None) };
        let kind = match head.get_u8() {
            1 => Kind::Data,
            2 => Kind::Beat,
            3 => Kind::End,
            _ => return Err(Garbled::Kind),
        };
        let length = head.get_u32() as usize;
        let header = Self { kind, length, offset: head.get_u64(), consumed: head.get_u64() };
        if length > LONGEST {
            return Err(Garbled::Length);
        }
        match bytes.get(header.payload().end..header.size()) {
            None => Ok(None),
            Some(found) if found == seal => Ok(Some(header)),
            Some(_) => Err(Garbled::Seal),
        }
    }

    /// Where the payload is in the frame.
    pub(super) fn payload(self) -> Range<usize> {
        HEADER..HEADER + self.length
    }

    /// The frame's size, in bytes.
    pub(super) fn size(self) -> usize {
        HEADER + self.length + SEAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEAL: Seal = *b"a seal..";

    fn frame() -> (Header, BytesMut) {
        let header = Header { kind: Kind::Data, length: 11, offset: 7, consumed: 1 << 40 };
        let mut out = Vec::new();
        header.write([b"hello", b" world"], SEAL, &mut out);
        (header, BytesMut::from(out.as_slice()))
    }

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let (header, bytes) = frame();
        assert_eq!(Header::read(&bytes, SEAL), Ok(Some(header)));
        assert_eq!(&bytes[header.payload()], b"hello world");
        assert_eq!(bytes.len(), header.size());
    }

    #[test]
    fn a_frame_cut_anywhere_is_not_yet_one() {
        let (header, bytes) = frame();
        for size in 0..header.size() {
            assert_eq!(Header::read(&BytesMut::from(&bytes[..size]), SEAL), Ok(None));
        }
    }

    #[test]
    fn a_frame_completed_by_somebody_else_is_garbled() {
        let (header, bytes) = frame();
        for size in 1..header.size() {
            let mut mixed = BytesMut::from(&bytes[..size]);
            mixed.resize(2 * LONGEST, 0);
            assert!(Header::read(&mixed, SEAL).is_err(), "completed after {size} bytes");
        }
    }
}

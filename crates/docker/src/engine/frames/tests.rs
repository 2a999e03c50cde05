use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::ErrorKind;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A stream that arrives in pieces.
struct Pieces(VecDeque<Vec<u8>>);

impl Pieces {
    /// Cuts `bytes` after every so many, over and over.
    fn cut(bytes: &[u8], every: &[usize]) -> Self {
        let (mut rest, mut pieces) = (bytes, VecDeque::new());
        for length in every.iter().cycle() {
            let (piece, behind) = rest.split_at((*length).min(rest.len()));
            pieces.push_back(piece.to_vec());
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        Self(pieces)
    }
}

impl AsyncRead for Pieces {
    /// Between two pieces there is nothing to read for a moment.
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(piece) = self.0.front_mut() else { return Poll::Ready(Ok(())) };
        if piece.is_empty() {
            self.0.pop_front();
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let length = piece.len().min(buffer.remaining());
        buffer.put_slice(&piece[..length]);
        piece.drain(..length);
        Poll::Ready(Ok(()))
    }
}

fn framed(frames: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let frame = |(stream, bytes): &(u8, Vec<u8>)| {
        let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        [&[*stream, 0, 0, 0], &length[..], bytes].concat()
    };
    frames.iter().flat_map(frame).collect()
}

/// Reads to the end with a buffer of so many bytes.
fn stdout(pieces: Pieces, room: usize) -> io::Result<Vec<u8>> {
    let mut frames = Frames::new(pieces, Stderr::of("container"));
    let (mut read, mut bytes) = (Vec::new(), vec![0; room]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            poll_fn(|context| frames.poll_read(context, &mut buffer)).await?;
            match buffer.filled() {
                [] => return Ok(read),
                some => read.extend_from_slice(some),
            }
        }
    })
}

fn output() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    vec((0..=3_u8, vec(any::<u8>(), 0..40)), 0..12)
}

proptest! {
    #[test]
    fn stdout_comes_whole_however_the_stream_is_cut(
        frames in output(),
        every in vec(1..30_usize, 1..8),
        room in 1..64_usize,
    ) {
        let expected: Vec<u8> =
            frames.iter().filter(|(stream, _)| *stream < 2).flat_map(|(_, b)| b.clone()).collect();
        let read = stdout(Pieces::cut(&framed(&frames), &every), room).unwrap();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn an_end_within_a_frame_is_no_end(frames in output(), at in any::<prop::sample::Index>()) {
        let whole = framed(&frames);
        let length = at.index(whole.len() + 1);
        let boundary = (0..=frames.len()).any(|count| framed(&frames[..count]).len() == length);
        let read = stdout(Pieces::cut(&whole[..length], &[7]), 16);
        match read {
            Ok(_) => prop_assert!(boundary),
            Err(error) => {
                prop_assert!(!boundary);
                prop_assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
            }
        }
    }
}

#[test]
fn what_is_no_frame_is_quoted() {
    for bytes in [&b"\x04\0\0\0\0\0\0\x01x"[..], b"\x01\0\x01\0\0\0\0\x01x", b"HTTP/1.1 200 OK"] {
        let error = stdout(Pieces::cut(bytes, &[3]), 16).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        let quoted = bytes[..HEADER].escape_ascii().to_string();
        assert!(error.to_string().ends_with(&quoted), "{error}");
    }
}

#[test]
fn no_room_is_no_end() {
    let frames = framed(&[(1, b"text".to_vec())]);
    let mut frames = Frames::new(&frames[..], Stderr::of("container"));
    let mut context = Context::from_waker(std::task::Waker::noop());
    assert!(frames.poll_read(&mut context, &mut ReadBuf::new(&mut [])).is_ready());
    let mut bytes = [0; 8];
    let mut buffer = ReadBuf::new(&mut bytes);
    assert!(frames.poll_read(&mut context, &mut buffer).is_ready());
    assert_eq!(buffer.filled(), b"text");
}

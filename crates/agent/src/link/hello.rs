//! The first bytes on every carrier: `run` says which session it belongs to, the agent where that
//! session goes on.
//!
//! Either may have to be told from what was there before, which is passed over. A hello ends with
//! the number that it names, so that one that breaks off is never taken for whole; an answer begins
//! with that number, which nobody could know before.

use super::frame::Seal;
use super::terms::Terms;
use bytes::{Buf, BufMut, BytesMut};
use rustix::rand::{GetRandomFlags, getrandom};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use subtle::ConstantTimeEq;
use tokio::io::{AsyncRead, AsyncReadExt};

const MAGIC: &[u8; 8] = b"\0swexln1";
/// The longest body of a hello or an answer, in bytes.
const LONGEST: usize = 160;
/// Room for what is read at once, in bytes.
const READ: usize = 4 << 10;
/// How much of what is no answer is kept, to be shown.
const QUOTED: usize = 128;

/// What proves to an agent that a carrier comes from `run`: its socket can be reached by the job's
/// own processes too.
///
/// One for each place, drawn when the place is made. The agent takes it from the first hello it
/// gets, at which time nothing of the job runs there yet, and wants it in each later one.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Key([u8; 32]);

impl Key {
    /// Draws a new one.
    pub fn random() -> io::Result<Self> {
        random().map(Self)
    }

    /// Whether they are the same, in a time that doesn't depend on where they differ.
    pub(crate) fn fits(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// Names one stage's session.
pub(crate) type SessionId = [u8; 16];

/// From `run`: what this carrier is for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) key: Key,
    pub(crate) session: SessionId,
    /// The session has been welcomed before, and must not begin anew.
    pub(crate) known: bool,
    /// How many bytes of the session `run` has received.
    pub(crate) received: u64,
    pub(crate) terms: Terms,
    /// Drawn for this carrier alone.
    pub(crate) seal: Seal,
}

/// From the agent: how many bytes of the session it has received, or why there is no such session.
pub(crate) type Answer = Result<u64, Denied>;

/// Why an agent won't have a carrier.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, thiserror::Error, PartialEq, Eq)]
pub enum Denied {
    /// The [`Key`] is not that of the place.
    #[error("the agent belongs to another job")]
    Key,
    /// The session has ended, by the agent's patience or because a newer `run` took over.
    #[error("the agent has ended this session, after too long without contact or for a newer one")]
    Ended,
}

pub(super) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    // Up to 256 bytes come whole once the kernel's generator is seeded.
    getrandom(&mut bytes, GetRandomFlags::empty())?;
    Ok(bytes)
}

impl Hello {
    pub(super) fn encode(&self) -> io::Result<Vec<u8>> {
        let mut bytes = MAGIC.to_vec();
        put(self, &mut bytes)?;
        bytes.extend_from_slice(&self.seal);
        Ok(bytes)
    }

    /// Finds the next whole one, and passes over all before it. What follows it stays in `buffer`.
    pub(crate) async fn find(
        from: &mut (impl AsyncRead + Unpin),
        buffer: &mut BytesMut,
    ) -> io::Result<Self> {
        loop {
            if let Some(hello) = Self::pick(buffer) {
                return Ok(hello);
            }
            read_more(from, buffer).await?;
        }
    }

    /// Takes the first whole hello out of `buffer`, or else what can't be the beginning of one.
    fn pick(buffer: &mut BytesMut) -> Option<Self> {
        let mut useless = buffer.len().saturating_sub(MAGIC.len() - 1);
        let beginnings: Vec<_> = memchr::memmem::find_iter(buffer, MAGIC).collect();
        for at in beginnings {
            match Self::decode(&buffer[at..]) {
                Ok(Some((hello, size))) => {
                    buffer.advance(at + size);
                    return Some(hello);
                }
                // It may also be one that broke off, and a whole one be behind it.
                Ok(None) => useless = useless.min(at),
                Err(_) => {}
            }
        }
        buffer.advance(useless);
        None
    }

    /// The hello at the head of `bytes`, and its size; [`None`] while it is not all there.
    fn decode(bytes: &[u8]) -> io::Result<Option<(Self, usize)>> {
        let Some((body, rest)) = body(&bytes[MAGIC.len()..])? else { return Ok(None) };
        let hello: Self = understand(body)?;
        match rest.get(..hello.seal.len()) {
            None => Ok(None),
            Some(seal) => {
                let size = bytes.len() - rest.len() + seal.len();
                // Where it breaks off, the beginnings of others behind it can look like its seals.
                let another = memchr::memmem::find(&bytes[MAGIC.len()..size], MAGIC);
                if another.is_some() || seal != hello.seal {
                    return Err(nonsense("a hello that breaks off"));
                }
                Ok(Some((hello, size)))
            }
        }
    }
}

/// The bytes of an answer to the hello with this seal.
pub(crate) fn encode_answer(answer: Answer, seal: Seal) -> io::Result<Vec<u8>> {
    let mut bytes = seal.to_vec();
    put(&answer, &mut bytes)?;
    Ok(bytes)
}

/// Finds the answer to the hello with this seal, and passes over all before it.
pub(super) async fn read_answer(
    from: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
    seal: Seal,
) -> io::Result<Answer> {
    let mut passed = Vec::new();
    loop {
        if let Some(at) = memchr::memmem::find(buffer, &seal) {
            buffer.advance(at + seal.len());
            return take(from, buffer).await;
        }
        let useless = buffer.len().saturating_sub(seal.len() - 1);
        passed.extend_from_slice(&buffer[..useless.min(QUOTED - passed.len())]);
        buffer.advance(useless);
        if from.read_buf(buffer).await? == 0 {
            passed.extend_from_slice(&buffer[..buffer.len().min(QUOTED - passed.len())]);
            return Err(no_answer(&passed));
        }
    }
}

fn put(value: &impl Serialize, to: &mut Vec<u8>) -> io::Result<()> {
    let body = postcard::to_stdvec(value).map_err(io::Error::other)?;
    to.put_u16(u16::try_from(body.len()).map_err(io::Error::other)?);
    to.extend_from_slice(&body);
    Ok(())
}

async fn take<T: DeserializeOwned>(
    from: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
) -> io::Result<T> {
    loop {
        if let Some((body, rest)) = body(buffer)? {
            let (taken, size) = (understand(body)?, buffer.len() - rest.len());
            buffer.advance(size);
            return Ok(taken);
        }
        read_more(from, buffer).await?;
    }
}

async fn read_more(from: &mut (impl AsyncRead + Unpin), buffer: &mut BytesMut) -> io::Result<()> {
    buffer.reserve(READ);
    match from.read_buf(buffer).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// The message behind its length at the head of `bytes`, and what follows it.
fn body(bytes: &[u8]) -> io::Result<Option<(&[u8], &[u8])>> {
    let Some((length, rest)) = bytes.split_first_chunk() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes(*length));
    if length > LONGEST {
        return Err(nonsense("a length beyond all bounds"));
    }
    Ok(rest.split_at_checked(length))
}

fn understand<T: DeserializeOwned>(body: &[u8]) -> io::Result<T> {
    postcard::from_bytes(body).map_err(|_| nonsense("a message that can't be read"))
}

fn no_answer(passed: &[u8]) -> io::Error {
    let text = match passed {
        [] => "the stream ended without an answer from the agent".to_owned(),
        said => format!("no answer from the agent, but `{}`", said.escape_ascii()),
    };
    io::Error::new(io::ErrorKind::UnexpectedEof, text)
}

fn nonsense(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hello() -> Hello {
        let key = Key(*b"all the bytes of a key differ ok");
        let terms = Terms::default();
        Hello { key, session: [2; 16], known: true, received: 3, terms, seal: *b"my seal." }
    }

    async fn find(bytes: &[u8]) -> (io::Result<Hello>, BytesMut) {
        let mut buffer = BytesMut::new();
        (Hello::find(&mut &*bytes, &mut buffer).await, buffer)
    }

    #[tokio::test]
    async fn a_hello_is_found_behind_one_that_broke_off_after_any_byte() {
        let first = hello().encode().unwrap();
        let second = Hello { session: [7; 16], seal: *b"another.", ..hello() }.encode().unwrap();
        for size in 0..first.len() {
            let (found, rest) = find(&[&first[..size], &second, b"data"].concat()).await;
            assert_eq!((found.unwrap().session, &rest[..]), ([7; 16], &b"data"[..]), "{size}");
        }
    }

    #[tokio::test]
    async fn a_hello_is_found_whole_however_it_arrives() {
        let hello = hello().encode().unwrap();
        for size in 0..hello.len() {
            let mut pieces = AsyncReadExt::chain(&hello[..size], &hello[size..]);
            let found = Hello::find(&mut pieces, &mut BytesMut::new()).await;
            assert!(found.is_ok(), "in pieces of {size} and more bytes");
            assert!(find(&hello[..size]).await.0.is_err(), "in {size} bytes");
        }
    }

    /// Bytes as a former session leaves them: also the beginnings of hellos and false ones.
    fn noise() -> impl Strategy<Value = Vec<u8>> {
        let hello = hello().encode().unwrap();
        let size = hello.len();
        let piece = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            (0..size).prop_map(move |size| hello[..size].to_vec()),
            prop::collection::vec(any::<u8>(), 0..20).prop_map(|body| [MAGIC, &body[..]].concat()),
        ];
        prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn a_hello_is_found_behind_any_noise(noise in noise(), step in 1..100_usize) {
            // Bytes that happen to be whole are no noise.
            let whole = hello().encode().unwrap();
            prop_assume!(memchr::memmem::find(&noise, &whole).is_none());
            let wanted = Hello { session: [9; 16], seal: *b"the seal", ..hello() };
            let flight = [0xff; LONGEST];
            let bytes = [&noise, &wanted.encode().unwrap(), &flight[..]].concat();
            let mut buffer = BytesMut::new();
            let mut found = None;
            for piece in bytes.chunks(step) {
                buffer.extend_from_slice(piece);
                found = found.or_else(|| Hello::pick(&mut buffer));
            }
            prop_assert_eq!(found.map(|hello| hello.session), Some([9; 16]));
            prop_assert_eq!(&buffer[..], &flight[..]);
        }
    }

    #[tokio::test]
    async fn an_answer_is_found_behind_the_rest_of_an_earlier_session() {
        let answer = encode_answer(Ok(42), *b"my seal.").unwrap();
        let bytes = [&[b'x'; 1000][..], b"my sea", &answer, b"data"].concat();
        let mut buffer = BytesMut::new();
        let found = read_answer(&mut &*bytes, &mut buffer, *b"my seal.").await.unwrap();
        assert_eq!((found, &buffer[..]), (Ok(42), &b"data"[..]));
    }

    #[tokio::test]
    async fn what_answers_instead_of_an_agent_is_quoted() {
        let mut buffer = BytesMut::new();
        let error = read_answer(&mut &b"exec: no such file\n"[..], &mut buffer, [0; 8]).await;
        let error = error.unwrap_err().to_string();
        assert_eq!(error, r"no answer from the agent, but `exec: no such file\n`");
    }

    #[test]
    fn a_key_shows_itself_to_nobody() {
        assert_eq!(format!("{:?}", hello().key), "Key(..)");
    }
}

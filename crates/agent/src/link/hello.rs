//! The first bytes on every carrier: `run` says which session it belongs to, the agent where that
//! session goes on.
//!
//! Either may have to be told from what was there before. A hello that somebody died in the middle
//! of doesn't end with the number that it names; an answer begins with that number, which nobody
//! could know before, so what an attach still shows of an earlier session is passed over.

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
/// Longer than any hello or answer, in bytes.
const LONGEST: usize = 512;
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

    /// Reads one off the head of a carrier. What follows it stays in `buffer`.
    pub(crate) async fn read(
        from: &mut (impl AsyncRead + Unpin),
        buffer: &mut BytesMut,
    ) -> io::Result<Self> {
        fill(from, buffer, MAGIC.len()).await?;
        if !buffer.starts_with(MAGIC) {
            return Err(nonsense("not a hello"));
        }
        buffer.advance(MAGIC.len());
        let hello: Self = take(from, buffer).await?;
        fill(from, buffer, hello.seal.len()).await?;
        if !buffer.starts_with(&hello.seal) {
            return Err(nonsense("a hello that breaks off"));
        }
        buffer.advance(hello.seal.len());
        Ok(hello)
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
    fill(from, buffer, 2).await?;
    let length = usize::from(buffer.get_u16());
    if length > LONGEST {
        return Err(nonsense("a length beyond all bounds"));
    }
    fill(from, buffer, length).await?;
    let body = buffer.split_to(length);
    postcard::from_bytes(&body).map_err(|_| nonsense("a message that can't be read"))
}

async fn fill(
    from: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
    size: usize,
) -> io::Result<()> {
    while buffer.len() < size {
        if from.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
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

    fn hello() -> Hello {
        let key = Key(*b"all the bytes of a key differ ok");
        let terms = Terms::default();
        Hello { key, session: [2; 16], known: true, received: 3, terms, seal: *b"my seal." }
    }

    async fn read(bytes: &[u8]) -> (io::Result<Hello>, BytesMut) {
        let mut buffer = BytesMut::new();
        (Hello::read(&mut &*bytes, &mut buffer).await, buffer)
    }

    #[tokio::test]
    async fn a_hello_leaves_what_follows_it() {
        let mut bytes = hello().encode().unwrap();
        bytes.extend_from_slice(b"data");
        let (read, rest) = read(&bytes).await;
        assert_eq!((read.unwrap().session, &rest[..]), ([2; 16], &b"data"[..]));
    }

    #[tokio::test]
    async fn a_hello_broken_off_and_completed_by_another_is_refused() {
        let first = hello().encode().unwrap();
        let second = Hello { seal: *b"another.", ..hello() }.encode().unwrap();
        for size in 1..first.len() {
            let (read, _) = read(&[&first[..size], &second, &second].concat()).await;
            assert!(read.is_err(), "after {size} bytes");
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

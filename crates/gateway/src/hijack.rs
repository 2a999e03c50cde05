//! Connections that stop speaking HTTP: `attach`, `exec`, BuildKit's `/session` and `/grpc`.
//!
//! dockerd offers two ways. A request with `Upgrade` is answered `101`; one without, to `attach` or
//! `exec`, is answered `200` without any length, and either way raw bytes follow in both directions
//! (<https://docs.docker.com/reference/api/engine/version/v1.45/#tag/Container/operation/ContainerAttach>).
//! hyper knows the first way only. So the cluster is always asked to upgrade, and the job is
//! answered here, by hand, once hyper has given the connection back.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use http::header::{CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, UPGRADE};
use http::{Response, StatusCode};
use hyper::ext::ReasonPhrase;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy_bidirectional_with_sizes};

use crate::hop;
use crate::route::Operation;

/// How much of a raw stream is under way in each direction, in bytes.
const BUFFER: usize = 64 * 1024;

/// How a job asks for a raw stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hijack {
    /// By `Upgrade`: the answer is `101`.
    Upgrade,
    /// By the operation alone: the answer is `200`.
    Plain,
}

impl Hijack {
    /// Whether, and how, a request may end in a raw stream. The cluster's answer decides.
    pub(crate) fn asked(headers: &HeaderMap, operation: Operation) -> Option<Self> {
        if hop::upgrade(headers).is_some() {
            return Some(Self::Upgrade);
        }
        matches!(operation, Operation::CONTAINER_ATTACH | Operation::EXEC_START)
            .then_some(Self::Plain)
    }

    /// The answer's first bytes, as dockerd would have written them
    /// (<https://github.com/moby/moby/blob/v28.5.2/api/server/router/container/exec.go>).
    pub(crate) fn head<B>(self, answer: &Response<B>) -> Vec<u8> {
        let mut headers = answer.headers().clone();
        match self {
            Self::Upgrade => write_head(answer.status(), reason(answer), &headers),
            Self::Plain => {
                headers.remove(CONNECTION);
                headers.remove(UPGRADE);
                let raw = HeaderValue::from_static("application/vnd.docker.raw-stream");
                headers.insert(CONTENT_TYPE, raw);
                write_head(StatusCode::OK, b"OK", &headers)
            }
        }
    }
}

fn reason<B>(answer: &Response<B>) -> &[u8] {
    let canonical = answer.status().canonical_reason().unwrap_or_default().as_bytes();
    answer.extensions().get::<ReasonPhrase>().map_or(canonical, ReasonPhrase::as_bytes)
}

fn write_head(status: StatusCode, reason: &[u8], headers: &HeaderMap) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} ", status.as_str()).into_bytes();
    head.extend_from_slice(reason);
    head.extend_from_slice(b"\r\n");
    for (name, value) in headers {
        head.extend(title_case(name));
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// Go writes header names in this case, and some readers of Docker's answers count on it.
fn title_case(name: &HeaderName) -> impl Iterator<Item = u8> {
    let mut start = true;
    name.as_str().bytes().map(move |byte| {
        let cased = if start { byte.to_ascii_uppercase() } else { byte };
        start = byte == b'-';
        cased
    })
}

/// A raw stream that the cluster has opened, with what the job is to be told first.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) head: Vec<u8>,
    pub(crate) stream: Upgraded,
}

impl Opened {
    /// Copies both ways until both have ended. The end of one direction passes on by itself; a
    /// stream that breaks, breaks the other.
    pub(crate) async fn join<C>(self, mut job: C) -> io::Result<()>
    where
        C: AsyncRead + AsyncWrite + Unpin,
    {
        let mut cluster = TokioIo::new(self.stream);
        job.write_all(&self.head).await?;
        copy_bidirectional_with_sizes(&mut job, &mut cluster, BUFFER, BUFFER).await?;
        Ok(())
    }
}

/// Where an opened stream waits while hyper gives the connection back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Handover(Arc<Mutex<Option<Opened>>>);

impl Handover {
    pub(crate) fn leave(&self, opened: Opened) -> TakeBack {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(opened);
        TakeBack
    }

    pub(crate) fn take(&self) -> Option<Opened> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Makes hyper end its part of a connection without a word.
#[derive(Clone, Copy, Debug, Error)]
#[error("the connection goes on as a raw stream")]
pub(crate) struct TakeBack;

#[cfg(test)]
mod tests {
    use super::*;

    fn upgraded() -> Response<()> {
        Response::builder()
            .status(101)
            .header("content-type", "application/vnd.docker.multiplexed-stream")
            .header("connection", "Upgrade")
            .header("upgrade", "tcp")
            .header("api-version", "1.45")
            .extension(ReasonPhrase::from_static(b"UPGRADED"))
            .body(())
            .unwrap()
    }

    #[test]
    fn an_upgrade_is_answered_as_the_cluster_answered_it() {
        assert_eq!(
            String::from_utf8(Hijack::Upgrade.head(&upgraded())).unwrap(),
            "HTTP/1.1 101 UPGRADED\r\n\
             Content-Type: application/vnd.docker.multiplexed-stream\r\n\
             Connection: Upgrade\r\nUpgrade: tcp\r\nApi-Version: 1.45\r\n\r\n"
        );
    }

    #[test]
    fn a_plain_hijack_is_answered_as_dockerd_answers_it() {
        let head = String::from_utf8(Hijack::Plain.head(&upgraded())).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("Content-Type: application/vnd.docker.raw-stream\r\n"), "{head}");
        assert!(!head.contains("Upgrade"), "{head}");
    }

    #[test]
    fn only_attach_and_exec_are_hijacked_without_asking_to_upgrade() {
        let none = HeaderMap::new();
        assert_eq!(Hijack::asked(&none, Operation::EXEC_START), Some(Hijack::Plain));
        assert_eq!(Hijack::asked(&none, Operation::SERVICE_CREATE), None);
        let h2c = HeaderMap::from_iter([(UPGRADE, HeaderValue::from_static("h2c"))]);
        assert_eq!(Hijack::asked(&h2c, Operation::UNKNOWN), Some(Hijack::Upgrade));
    }
}

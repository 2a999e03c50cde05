//! One connection, and one request on it with its answer.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::rt::{Read, Write};
use tokio_util::task::AbortOnDropHandle;

use super::fault::Fault;

/// How much of an answer is read, in bytes.
const MOST_BODY: usize = 1024 * 1024;

/// How far one connection reads or writes ahead, in bytes.
const READ_AHEAD: usize = 16 * 1024;

/// One connection. Closed when dropped.
#[derive(Debug)]
pub(super) struct Connection {
    requests: SendRequest<Empty<Bytes>>,
    _driver: AbortOnDropHandle<()>,
}

/// What came of a request.
#[derive(Debug)]
pub(super) enum Answer {
    /// The connection had ended before any of the request was sent.
    NotSent,
    /// An answer, as far as it was read.
    Status {
        /// Its status.
        status: StatusCode,
        /// What was wrong with its body.
        body: Result<(), Fault>,
        /// Whether another request can go out on this connection, should the server keep it.
        reusable: bool,
    },
    /// No answer.
    Missing(Fault),
}

impl Connection {
    /// Speaks HTTP on `io`.
    pub(super) async fn open<T>(io: T) -> Result<Self, Fault>
    where
        T: Read + Write + Unpin + Send + 'static,
    {
        let mut builder = http1::Builder::new();
        let opened = builder.max_buf_size(READ_AHEAD).handshake(io).await;
        let (requests, connection) = opened.map_err(|error| Fault::answering(&error))?;
        let driver = tokio::spawn(async move {
            // What ends it is told to whoever waits for an answer, and nobody else needs it.
            let _ = connection.await;
        });
        Ok(Self { requests, _driver: AbortOnDropHandle::new(driver) })
    }

    /// Sends one request and reads the answer, of its body up to a bound.
    pub(super) async fn ask(&mut self, request: Request<Empty<Bytes>>) -> Answer {
        if self.requests.ready().await.is_err() {
            return Answer::NotSent;
        }
        match self.requests.try_send_request(request).await {
            Ok(response) => {
                let status = response.status();
                let (body, reusable) = match drain(response.into_body()).await {
                    Ok(whole) => (Ok(()), whole),
                    Err(fault) => (Err(fault), false),
                };
                Answer::Status { status, body, reusable }
            }
            Err(error) if error.message().is_some() => Answer::NotSent,
            Err(error) => Answer::Missing(Fault::answering(error.error())),
        }
    }
}

/// Reads and drops a body; whether it was read to its end.
async fn drain(mut body: Incoming) -> Result<bool, Fault> {
    let mut left = MOST_BODY;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Fault::cut_off())?;
        match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
            Some(rest) => left = rest,
            None => return Ok(false),
        }
    }
    Ok(true)
}

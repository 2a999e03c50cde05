//! Raw streams into containers: `attach` to the first process, and `exec` of another one.
//!
//! Both end HTTP and take over the connection (`101 UPGRADED`); stdin goes out as it is, stdout
//! and stderr come in [`frames`](super::frames). An engine that runs a container with a TTY sends
//! no frames: such containers can't be read here.
//!
//! An attach to a container that has ended is answered as any other, and stays silent for good
//! (<https://github.com/moby/moby/blob/v20.10.24/daemon/attach.go> asks for paused and restarting
//! only). So when nothing comes for a while, the engine is asked whether the container has ended.

#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::header::{CONNECTION, CONTENT_TYPE, UPGRADE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use humantime::format_duration;
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Engine;
use super::frames::Frames;
use super::info::message;
use super::stderr::Stderr;
use crate::transport::{Body, empty, full};

/// Longest answer read where no stream is, in bytes. What is read of it is small.
const LONGEST_ANSWER: usize = 1 << 20;

/// How long an attach may be silent at its beginning before it is asked why.
const SILENCE: Duration = Duration::from_secs(1);

impl Engine {
    /// Attaches to the stdin, stdout and stderr of a container's first process, running or not yet
    /// started.
    ///
    /// Shutting the stream down detaches it, both ways: the process sees no end of file (the
    /// container was made with `StdinOnce` off) and nothing more is read
    /// (<https://github.com/moby/moby/blob/v20.10.24/container/stream/attach.go>).
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when the container is gone or has ended; it may come out of reading
    /// too. Else what keeps the engine from answering, or the engine's own words.
    pub async fn attach(&self, container: &str) -> io::Result<ContainerStream> {
        let path = format!("/containers/{container}/attach?stream=1&stdin=1&stdout=1&stderr=1");
        let raw = self.hijack(request(Method::POST, &path, None)?).await?;
        Ok(ContainerStream::new(raw, container, Some(self.clone().suspicion(container))))
    }

    /// Starts a process in a running container, as the container's user and without a terminal.
    ///
    /// Shutting the stream down closes the process's stdin; dropping it ends nothing. A process
    /// that can't be started says so on its stdout
    /// (<https://github.com/moby/moby/blob/v20.10.24/api/server/router/container/exec.go>).
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when the container is gone or is not running. Else what keeps the
    /// engine from answering, or the engine's own words.
    pub async fn exec(&self, container: &str, argv: &[&str]) -> io::Result<ContainerStream> {
        let streams = json!({
            "AttachStdin": true, "AttachStdout": true, "AttachStderr": true, "Cmd": argv,
        });
        let path = format!("/containers/{container}/exec");
        let made = self.answer(request(Method::POST, &path, Some(&streams))?).await?;
        let Exec { id } = expect(made, StatusCode::CREATED).await?;
        let path = format!("/exec/{id}/start");
        let start = json!({"Detach": false, "Tty": false});
        let raw = self.hijack(request(Method::POST, &path, Some(&start))?).await?;
        Ok(ContainerStream::new(raw, container, None))
    }

    async fn hijack(&self, mut request: Request<Body>) -> io::Result<Upgraded> {
        let headers = request.headers_mut();
        headers.insert(CONNECTION, UPGRADE.into());
        headers.insert(UPGRADE, http::HeaderValue::from_static("tcp"));
        let response = self.answer(request).await?;
        match response.status() {
            StatusCode::SWITCHING_PROTOCOLS => {
                hyper::upgrade::on(response).await.map_err(io::Error::other)
            }
            _ => Err(refusal(response).await),
        }
    }

    async fn answer(&self, request: Request<Body>) -> io::Result<Response<Incoming>> {
        let limit = self.limits.response;
        let answered = tokio::time::timeout(limit, self.send(request)).await.map_err(|_| {
            let limit = format_duration(limit);
            let words = format!("{} gave no answer within {limit}", self.target());
            io::Error::new(ErrorKind::TimedOut, words)
        })?;
        Ok(answered?)
    }

    /// Waits for a while, then asks whether the container has ended. What else may be wrong shows
    /// on the stream itself.
    fn suspicion(self, container: &str) -> Suspicion {
        let path = format!("/containers/{container}/json");
        Box::pin(async move {
            tokio::time::sleep(SILENCE).await;
            let answer = self.answer(request(Method::GET, &path, None)?).await?;
            let Container { state } = expect(answer, StatusCode::OK).await?;
            match state.status.as_str() {
                "exited" | "dead" | "removing" => Err(gone(format!("it is {}", state.status))),
                _ => Ok(()),
            }
        })
    }
}

/// A question that is worth asking once.
type Suspicion = BoxFuture<'static, io::Result<()>>;

/// Stdin and stdout of a process in a container. What it says on stderr goes to the diagnostics.
pub struct ContainerStream {
    frames: Frames<TokioIo<Upgraded>>,
    /// Whether the container has ended, for as long as nothing has been read.
    suspicion: Option<Suspicion>,
}

impl ContainerStream {
    fn new(raw: Upgraded, container: &str, suspicion: Option<Suspicion>) -> Self {
        Self { frames: Frames::new(TokioIo::new(raw), Stderr::of(container)), suspicion }
    }

    fn raw(&mut self) -> Pin<&mut TokioIo<Upgraded>> {
        Pin::new(self.frames.get_mut())
    }

    /// Fails if the container turns out to be gone.
    fn suspect(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let Some(suspicion) = &mut self.suspicion else { return Ok(()) };
        match suspicion.as_mut().poll(context) {
            Poll::Pending => Ok(()),
            Poll::Ready(found) => {
                self.suspicion = None;
                found.or_else(|error| match error.kind() {
                    ErrorKind::NotFound => Err(error),
                    _ => Ok(()),
                })
            }
        }
    }
}

impl AsyncRead for ContainerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.frames.poll_read(context, buffer);
        if read.is_ready() {
            self.suspicion = None;
        } else {
            self.suspect(context)?;
        }
        read
    }
}

impl AsyncWrite for ContainerStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.raw().poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.raw().poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.frames.get_ref().is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.raw().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.raw().poll_shutdown(context)
    }
}

impl fmt::Debug for ContainerStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerStream").field("frames", &self.frames).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Exec {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    state: State,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    status: String,
}

fn request(
    method: Method,
    path: &str,
    body: Option<&serde_json::Value>,
) -> io::Result<Request<Body>> {
    let request = Request::builder().method(method).uri(path);
    match body {
        Some(json) => request.header(CONTENT_TYPE, "application/json").body(full(json.to_string())),
        None => request.body(empty()),
    }
    .map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))
}

async fn expect<T: for<'a> Deserialize<'a>>(
    response: Response<Incoming>,
    status: StatusCode,
) -> io::Result<T> {
    if response.status() != status {
        return Err(refusal(response).await);
    }
    Ok(serde_json::from_slice(&whole(response).await?)?)
}

/// An answer that is no stream, as an error.
///
/// Some answers of an engine that has the container, but not running, are 409, some are 500
/// (<https://github.com/moby/moby/blob/v20.10.24/daemon/exec.go>): their words tell.
async fn refusal(response: Response<Incoming>) -> io::Error {
    let status = response.status();
    let said = whole(response).await.ok().and_then(|body| message(&body));
    let said = said.unwrap_or_else(|| format!("the engine answers {status}"));
    let words = said.to_ascii_lowercase();
    if words.contains("no such container") || words.contains("is not running") {
        return gone(said);
    }
    io::Error::other(said)
}

fn gone(why: String) -> io::Error {
    io::Error::new(ErrorKind::NotFound, why)
}

async fn whole(response: Response<Incoming>) -> io::Result<Bytes> {
    let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await;
    body.map(http_body_util::Collected::to_bytes).map_err(io::Error::other)
}

//! One connection of the job, from its first request to its last byte.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use crate::hijack::Handover;
use crate::line::{Line, Turn};
use crate::relay::{Relay, Shared};

/// How long a job that was answered before it had sent all may go on sending. Hanging up at once
/// could make its end drop the answer unread; Go's server waits as long (`rstAvoidanceDelay` in
/// <https://github.com/golang/go/blob/go1.24.0/src/net/http/server.go>).
const LINGER: Duration = Duration::from_millis(500);

/// How far one connection reads or writes ahead, in bytes; also the limit for a request's headers.
const READ_AHEAD: usize = 256 * 1024;

/// Serves requests until the connection ends, whoever ends it.
pub(crate) async fn serve<C>(shared: Arc<Shared>, stream: C)
where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (line, turn, handover) =
        (Line::new(stream), Arc::new(Turn::default()), Handover::default());
    let relay = Relay::new(shared, Arc::clone(&turn), handover.clone());
    let answer = service_fn(move |request| Box::pin(relay.clone().answer(request)));
    let mut http = server().serve_connection(TokioIo::new(line.clone()), answer);
    let ended = tokio::select! {
        biased;
        ended = std::future::poll_fn(|context| http.poll_without_shutdown(context)) => ended,
        () = line.abandoned(&turn) => return,
    };
    let unread = http.into_parts().read_buf;
    let closed = match (handover.take(), ended) {
        (Some(opened), _) => {
            line.unread(&unread);
            opened.join(line).await
        }
        (None, Ok(())) => hang_up(line, &turn).await,
        // Dropped, not ended: half an answer must not look like a whole one.
        (None, Err(error)) => return tracing::debug!(%error, "the job's connection broke"),
    };
    if let Err(error) = closed {
        tracing::debug!(%error, "the job's connection broke");
    }
}

fn server() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .half_close(true)
        // No limit: a client may keep an unused connection for as long as it likes.
        .header_read_timeout(None)
        .max_buf_size(READ_AHEAD)
        // As Go writes them.
        .title_case_headers(true)
        // The cluster's, or none.
        .auto_date_header(false);
    builder
}

async fn hang_up<C>(mut line: Line<C>, turn: &Turn) -> io::Result<()>
where
    C: AsyncRead + AsyncWrite + Unpin,
{
    line.shutdown().await?;
    if turn.answered_early() {
        let mut nowhere = tokio::io::sink();
        let rest = tokio::io::copy(&mut line, &mut nowhere);
        // Whether all of it came in time makes no difference.
        let _ = tokio::time::timeout(LINGER, rest).await;
    }
    Ok(())
}

//! One request, answered by `git http-backend` in the way of CGI
//! (<https://www.rfc-editor.org/rfc/rfc3875>).

use std::path::Path;
use std::process::Stdio;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use job::{Failure, Result};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// What the program takes from a request's headers.
const HEADERS: [(&str, &str); 3] = [
    ("content-type", "CONTENT_TYPE"),
    ("content-encoding", "HTTP_CONTENT_ENCODING"),
    ("git-protocol", "GIT_PROTOCOL"),
];

pub(super) async fn answer(
    directory: &Path,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let unread = |error| Failure::system("cannot read a request of git's").caused_by(error);
    let body = body.collect().await.map_err(unread)?.to_bytes();
    let mut backend = Command::new("git");
    backend.arg("http-backend").env("GIT_PROJECT_ROOT", directory).env("GIT_HTTP_EXPORT_ALL", "1");
    backend.env("REQUEST_METHOD", head.method.as_str()).env("PATH_INFO", head.uri.path());
    backend.env("QUERY_STRING", head.uri.query().unwrap_or_default());
    backend.env("CONTENT_LENGTH", body.len().to_string());
    for (name, variable) in HEADERS {
        if let Some(value) = head.headers.get(name).and_then(|value| value.to_str().ok()) {
            backend.env(variable, value);
        }
    }
    parse(&run(backend, &body).await?)
}

async fn run(mut backend: Command, body: &[u8]) -> Result<Bytes> {
    let cannot = |error| Failure::system("cannot run `git http-backend`").caused_by(error);
    backend.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = backend.spawn().map_err(cannot)?;
    let stdin = child.stdin.take();
    let feed = async {
        if let Some(mut stdin) = stdin {
            // One that has seen enough of it says so by its answer.
            let _ = stdin.write_all(body).await;
        }
    };
    let (output, ()) = tokio::join!(child.wait_with_output(), feed);
    Ok(output.map_err(cannot)?.stdout.into())
}

/// Headers by line, one of which may be the status, an empty line, the body.
fn parse(output: &Bytes) -> Result<Response<Full<Bytes>>> {
    let unfit = || Failure::system("`git http-backend` gave no answer");
    let end = output.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(unfit)?;
    let head = str::from_utf8(&output[..end]).map_err(|error| unfit().caused_by(error))?;
    let mut response = Response::builder();
    for line in head.lines() {
        let (name, value) = line.split_once(": ").ok_or_else(unfit)?;
        response = match name {
            "Status" => response.status(value.get(..3).unwrap_or(value)),
            _ => response.header(name, value),
        };
    }
    response.body(Full::new(output.slice(end + 4..))).map_err(|error| unfit().caused_by(error))
}

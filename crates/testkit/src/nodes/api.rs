//! An engine's API, one request at a time, as JSON that nobody has interpreted.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use job::{Failure, Result};
use serde_json::Value;
use tokio::net::UnixStream;
use tokio_util::task::AbortOnDropHandle;

use super::node::Node;

/// What an engine says to a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The status of the response.
    pub status: StatusCode,
    /// Its body; a string where that is no JSON.
    pub body: Value,
}

impl Node {
    /// `GET` this path, such as `/services/web` or `/v1.41/info`, at the admin socket.
    ///
    /// # Errors
    ///
    /// The engine doesn't answer. An answer that is an error is none here.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.request_api(Method::GET, path, None).await
    }

    /// `POST` this as JSON to the path at the admin socket.
    ///
    /// # Errors
    ///
    /// As of [`Node::get`].
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.request_api(Method::POST, path, Some(body)).await
    }

    async fn request_api(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer> {
        let what = format!("{method} {path} of {}", self.name);
        let request = request(method, path, body);
        self.send(request)
            .await
            .map_err(|error| Failure::system(format!("no answer to {what}")).caused_by(error))
    }

    async fn send(
        &self,
        request: http::Result<Request<Full<Bytes>>>,
    ) -> std::result::Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let stream = UnixStream::connect(self.admin_socket()).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
        let response = sender.send_request(request?).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        let text = || Value::String(String::from_utf8_lossy(&body).into_owned());
        Ok(Answer { status, body: serde_json::from_slice(&body).unwrap_or_else(|_| text()) })
    }
}

fn request(method: Method, path: &str, body: Option<&Value>) -> http::Result<Request<Full<Bytes>>> {
    let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
    Request::builder()
        .method(method)
        .uri(path)
        .header("Host", "docker")
        .header("Content-Type", "application/json")
        .body(Full::new(bytes))
}

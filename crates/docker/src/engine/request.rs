//! One request and its whole answer, for who reads and writes Docker's JSON as it is: a
//! specification that is to be given back must not lose what a model doesn't know.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use humantime::format_duration;
use job::{Failure, Result};

use super::{Engine, info};
use crate::transport::{self, Body};

/// Longest answer that is read, in bytes: ten thousand tasks of an ordinary service.
const LONGEST_ANSWER: usize = 32 << 20;

/// What an engine answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Success or not.
    pub status: StatusCode,
    /// JSON as a rule; with an error the engine's message.
    pub body: Bytes,
}

impl Answer {
    /// The engine's words, where the answer is an error.
    pub fn message(&self) -> Option<String> {
        info::message(&self.body)
    }
}

impl Engine {
    /// Sends one request and waits for all of its answer, for no longer than
    /// [`Limits::response`](crate::Limits::response).
    ///
    /// `path` has the query, and no version: the engine's own counts. `json` is the body.
    ///
    /// # Errors
    /// The engine can't be reached, breaks off, or takes too long. An answer that is an error is
    /// returned.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        json: Option<Vec<u8>>,
    ) -> Result<Answer> {
        let limit = self.limits.response;
        match tokio::time::timeout(limit, self.exchange(method, path, json)).await {
            Ok(answer) => answer,
            Err(_) => {
                Err(self
                    .failure(&format!("gave no complete answer within {}", format_duration(limit))))
            }
        }
    }

    async fn exchange(&self, method: Method, path: &str, json: Option<Vec<u8>>) -> Result<Answer> {
        let response = self.transport.send(request(method, path, json)?).await;
        let (head, body) = response.map_err(Failure::from)?.into_parts();
        let whole = Limited::new(body, LONGEST_ANSWER).collect().await;
        let whole = whole.map_err(|error| self.failure("broke off its answer").caused_by(error))?;
        Ok(Answer { status: head.status, body: whole.to_bytes() })
    }
}

fn request(method: Method, path: &str, json: Option<Vec<u8>>) -> Result<Request<Body>> {
    let is_json = json.is_some();
    let body = json.map_or_else(transport::empty, transport::full);
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().map_err(|error: http::uri::InvalidUri| {
        Failure::system(format!("{path:?} is no path of the Docker API")).caused_by(error)
    })?;
    if is_json {
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Ok(request)
}

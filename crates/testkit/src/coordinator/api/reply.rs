//! The answers: what a runner reads of them is status, headers and a message.

use std::fmt::Display;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::coordinator::progress::State;

/// How often the runner is to send log, in seconds; the least that the header can say.
const UPDATE_INTERVAL: &str = "1";

pub(super) type Answer = Response<Full<Bytes>>;

/// Why a request isn't served: a status, and its name as the message that the runner prints.
pub(super) struct Refusal {
    status: StatusCode,
    cause: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode) -> Self {
        Self { status, cause: String::new() }
    }

    pub(super) fn unreadable(cause: impl Display) -> Self {
        Self { status: StatusCode::BAD_REQUEST, cause: format!(" - {cause}") }
    }

    pub(super) fn into_answer(self) -> Answer {
        with_json(self.status, &json!({ "message": format!("{}{}", self.status, self.cause) }))
    }
}

pub(super) fn of_job(status: StatusCode, state: State) -> Answer {
    let mut answer = plain(status);
    set(&mut answer, "Job-Status", state.word());
    set(&mut answer, "X-GitLab-Trace-Update-Interval", UPDATE_INTERVAL);
    answer
}

pub(super) fn plain(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

pub(super) fn with_json(status: StatusCode, body: &Value) -> Answer {
    let mut answer = plain(status);
    set(&mut answer, header::CONTENT_TYPE.as_str(), "application/json");
    *answer.body_mut() = Full::new(Bytes::from(body.to_string()));
    answer
}

/// Sets a header to a value that is made here and so is known to be a legal one.
pub(super) fn set(answer: &mut Answer, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}

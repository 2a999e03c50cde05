//! A Docker Engine as far as images go: `POST /images/create` and `GET /images/{name}/json`.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use bollard::{API_DEFAULT_VERSION, Docker};
use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::transport::{Body, full};

pub(super) const ID: &str =
    "sha256:1111111111111111111111111111111111111111111111111111111111111111";

pub(super) const DIGEST: &str =
    "sha256:2222222222222222222222222222222222222222222222222222222222222222";

/// How the engine answers to one pull.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    Pulled,
    UpToDate,
    /// Before any event, as a response that is an error.
    Refused(&'static str),
    /// After the first events, as an event that is an error.
    Broken(&'static str),
    /// The connection ends after the first events.
    CutOff,
}

pub(super) struct Engine {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    present: bool,
    answers: VecDeque<Answer>,
    requests: Vec<String>,
    login: Option<String>,
}

impl Engine {
    /// An engine that has every image, until a pull brings it anew.
    pub(super) async fn with_image(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::start(true, answers).await
    }

    pub(super) async fn without_images(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::start(false, answers).await
    }

    async fn start(present: bool, answers: impl IntoIterator<Item = Answer>) -> Self {
        let answers = answers.into_iter().collect();
        let state = State { present, answers, requests: Vec::new(), login: None };
        let state = Arc::new(Mutex::new(state));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                let service = service_fn(move |request: Request<Incoming>| {
                    let response = state.lock().unwrap().answer(&request);
                    async { Ok::<_, Infallible>(response) }
                });
                let server = hyper::server::conn::http1::Builder::new();
                tokio::spawn(server.serve_connection(TokioIo::new(tcp), service));
            }
        });
        Self { address, state }
    }

    pub(super) fn docker(&self) -> Docker {
        let address = format!("http://{}", self.address);
        Docker::connect_with_http(&address, 10, API_DEFAULT_VERSION).unwrap()
    }

    /// Every request: method, path and parameters that aren't empty.
    pub(super) fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }

    /// The login that came with the last pull, read as the engine reads it.
    pub(super) fn login(&self) -> Value {
        let header = self.state.lock().unwrap().login.clone().unwrap();
        serde_json::from_slice(&URL_SAFE.decode(header).unwrap()).unwrap()
    }
}

impl State {
    fn answer(&mut self, request: &Request<Incoming>) -> Response<Body> {
        let query = request.uri().query().unwrap_or_default();
        let mut told = format!("{} {}", request.method(), request.uri().path());
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if !value.is_empty() {
                told.extend([" ", &*name, "=", &*value]);
            }
        }
        self.requests.push(told);
        if request.method() == Method::GET {
            return self.inspect();
        }
        let login = request.headers().get("x-registry-auth");
        self.login = login.map(|value| value.to_str().unwrap().to_owned());
        let answer = self.answers.pop_front().expect("a pull that no test expects");
        self.pull(answer)
    }

    fn inspect(&self) -> Response<Body> {
        if !self.present {
            return refusal(StatusCode::NOT_FOUND, "No such image");
        }
        let image = json!({
            "Id": ID, "RepoDigests": [format!("alpine@{DIGEST}")], "Size": 7_840_000,
            "Os": "linux", "Architecture": "amd64", "Config": {"Entrypoint": ["/entry"]},
        });
        Response::new(full(image.to_string()))
    }

    fn pull(&mut self, answer: Answer) -> Response<Body> {
        let first = [
            json!({"status": "Pulling from library/alpine", "id": "latest"}),
            json!({"status": "Pulling fs layer", "progressDetail": {}, "id": "aaaaaaaaaaaa"}),
        ];
        let digest = json!({"status": format!("Digest: {DIGEST}")});
        let rest = match answer {
            Answer::Refused(words) => return refusal(StatusCode::INTERNAL_SERVER_ERROR, words),
            Answer::CutOff => return events(first.into(), true),
            Answer::Broken(words) => {
                vec![json!({"errorDetail": {"message": words}, "error": words})]
            }
            Answer::UpToDate => {
                vec![digest, json!({"status": "Status: Image is up to date for alpine:latest"})]
            }
            Answer::Pulled => vec![
                json!({"status": "Downloading", "progressDetail": {"current": 1000, "total": 2000}, "progress": "[=> ]", "id": "aaaaaaaaaaaa"}),
                json!({"status": "Download complete", "progressDetail": {}, "id": "aaaaaaaaaaaa"}),
                json!({"status": "Extracting", "progressDetail": {"current": 2000, "total": 2000}, "progress": "[==>]", "id": "aaaaaaaaaaaa"}),
                json!({"status": "Pull complete", "progressDetail": {}, "id": "aaaaaaaaaaaa"}),
                digest,
                json!({"status": "Status: Downloaded newer image for alpine:latest"}),
            ],
        };
        self.present |= matches!(answer, Answer::Pulled);
        events(first.into_iter().chain(rest).collect(), false)
    }
}

fn refusal(status: StatusCode, words: &str) -> Response<Body> {
    let body = full(json!({"message": words}).to_string());
    Response::builder().status(status).body(body).unwrap()
}

/// A stream of events, each with the line end that moby writes.
fn events(events: Vec<Value>, cut_off: bool) -> Response<Body> {
    let frames =
        events.into_iter().map(|event| Ok(Frame::data(Bytes::from(format!("{event}\r\n")))));
    let cut = cut_off.then(|| Err(io::Error::other("cut off").into()));
    let body = StreamBody::new(stream::iter(frames).chain(stream::iter(cut)));
    Response::new(body.boxed_unsync())
}

//! One request: decided, recorded, sent to the cluster, answered.

use std::sync::Arc;
use std::time::SystemTime;

use docker::transport::Fault;
use docker::{Transport, TransportError};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode, Version, request};
use hyper::body::Incoming;

use crate::audit::Entry;
use crate::body::{Answer, Asked, Streamed};
use crate::hijack::{Handover, Hijack, Opened, TakeBack};
use crate::hop;
use crate::line::Turn;
use crate::policy::{Decision, Policy, RequestFacts, Verdict};
use crate::route::{Operation, Route};
use crate::touched::{Change, Intent, Ledger};

/// How much of a request is read ahead where it has to be understood or sent in one piece, in
/// bytes. Managers take no longer message of each other
/// (<https://github.com/moby/swarmkit/blob/master/manager/state/raft/transport/peer.go>).
/// What is longer passes all the same, but is not understood.
const REQUEST_LIMIT: usize = 4 * 1024 * 1024;

/// How much of an answer is read ahead where it has to be understood, in bytes.
const ANSWER_LIMIT: usize = 64 * 1024;

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) transport: Transport,
    pub(crate) policy: Box<dyn Policy>,
    pub(crate) ledger: Ledger,
}

/// Answers the requests of one connection.
#[derive(Clone)]
pub(crate) struct Relay {
    shared: Arc<Shared>,
    turn: Arc<Turn>,
    handover: Handover,
}

/// Why a request that was let through has no answer of the cluster.
enum Failed {
    /// The job broke off, or its body is malformed.
    Request(hyper::Error),
    /// The cluster can't be reached, or broke off.
    Cluster(TransportError),
    /// The cluster broke off in the middle of an answer that is not yet passed on.
    Answer(hyper::Error),
}

impl Relay {
    pub(crate) fn new(shared: Arc<Shared>, turn: Arc<Turn>, handover: Handover) -> Self {
        Self { shared, turn, handover }
    }

    /// Answers one request, or leaves a raw stream in the handover.
    pub(crate) async fn answer(
        self,
        request: Request<Incoming>,
    ) -> Result<Response<Answer>, TakeBack> {
        self.turn.begin();
        let (head, body) = request.into_parts();
        let route = Route::of(&head.method, head.uri.path());
        let facts = RequestFacts { method: &head.method, path: head.uri.path(), route: &route };
        let decision = self.shared.policy.decide(&facts);
        let entry = Entry::open(&facts, decision.clone());
        if decision.verdict == Verdict::Refuse {
            return Ok(self.refuse(entry, &decision));
        }
        if head.method == Method::CONNECT {
            return Ok(self.say(entry, StatusCode::METHOD_NOT_ALLOWED, "Docker has no CONNECT"));
        }
        let hijack = Hijack::asked(&head.headers, route.operation);
        match self.forward(head, route, hijack, body).await {
            Ok(answer) => self.pass(entry, hijack, answer).await,
            Err(failed) => Ok(self.explain(entry, failed)),
        }
    }

    /// Sends the request and waits for the answer's head.
    async fn forward(
        &self,
        mut head: request::Parts,
        route: Route,
        hijack: Option<Hijack>,
        body: Incoming,
    ) -> Result<Response<Streamed>, Failed> {
        let change = change(&route, head.uri.query());
        let body = if change.is_some() || hijack.is_some() {
            Streamed::gather(body, REQUEST_LIMIT).await.map_err(Failed::Request)?
        } else {
            body.into()
        };
        let intent = change.map(|change| Intent::read(change, route.object, body.whole()));
        hop::strip_request(&mut head.headers);
        if hijack == Some(Hijack::Plain) {
            hop::ask_upgrade(&mut head.headers, HeaderValue::from_static("tcp"));
        }
        let request = Request::from_parts(head, Asked::new(body, Arc::clone(&self.turn)));
        let answer = self.shared.transport.send(request).await.map_err(Failed::Cluster)?;
        self.remember(intent, answer).await
    }

    /// Keeps in mind what the cluster accepted. Only the answer to a creation is looked into.
    async fn remember(
        &self,
        intent: Option<Intent>,
        answer: Response<Incoming>,
    ) -> Result<Response<Streamed>, Failed> {
        let (head, body) = answer.into_parts();
        let Some(intent) = intent.filter(|_| head.status.is_success()) else {
            return Ok(Response::from_parts(head, body.into()));
        };
        let at = SystemTime::now();
        let body = Streamed::gather(body, ANSWER_LIMIT).await;
        let told = body.as_ref().ok().and_then(Streamed::whole);
        self.shared.ledger.record(intent, told.as_deref(), at);
        Ok(Response::from_parts(head, body.map_err(Failed::Answer)?))
    }

    /// Passes the cluster's answer on.
    async fn pass(
        self,
        entry: Entry,
        hijack: Option<Hijack>,
        mut answer: Response<Streamed>,
    ) -> Result<Response<Answer>, TakeBack> {
        if let (StatusCode::SWITCHING_PROTOCOLS, Some(hijack)) = (answer.status(), hijack) {
            let head = hijack.head(&answer);
            return match hyper::upgrade::on(&mut answer).await {
                Ok(stream) => {
                    entry.answered(answer.status());
                    Err(self.handover.leave(Opened { head, stream }))
                }
                Err(error) => Ok(self.explain(entry, Failed::Answer(error))),
            };
        }
        entry.answered(answer.status());
        hop::strip_response(answer.headers_mut());
        *answer.version_mut() = Version::HTTP_11;
        Ok(answer.map(|body| Answer::new(body, self.turn)))
    }

    fn refuse(self, entry: Entry, decision: &Decision) -> Response<Answer> {
        let message = format!("refused by the rule \"{}\" of this runner", decision.rule);
        self.say(entry, StatusCode::FORBIDDEN, &message)
    }

    fn explain(self, entry: Entry, failed: Failed) -> Response<Answer> {
        match failed {
            Failed::Request(error) => {
                let message = format!("the request's body broke off: {error}");
                self.say(entry, StatusCode::BAD_REQUEST, &message)
            }
            Failed::Cluster(error) => {
                let status = match error.fault() {
                    Fault::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
                    _ => StatusCode::BAD_GATEWAY,
                };
                let message = error.to_failure().render();
                tracing::warn!(%status, "{message}");
                self.say(entry, status, &message)
            }
            Failed::Answer(error) => {
                let message = format!(
                    "the cluster at {} broke off in the middle of its answer: {error}",
                    self.shared.transport.endpoint()
                );
                tracing::warn!("{message}");
                self.say(entry, StatusCode::BAD_GATEWAY, &message)
            }
        }
    }

    /// Answers as dockerd words its errors, so that Docker's clients show the message.
    fn say(self, entry: Entry, status: StatusCode, message: &str) -> Response<Answer> {
        entry.answered(status);
        let json = serde_json::json!({ "message": message }).to_string();
        let mut response = Response::new(Answer::new(bytes::Bytes::from(json), self.turn));
        *response.status_mut() = status;
        let kind = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }
}

/// What a request would change about a service.
fn change(route: &Route, query: Option<&str>) -> Option<Change> {
    match route.operation {
        Operation::SERVICE_CREATE => Some(Change::Created),
        Operation::SERVICE_UPDATE => Some(Change::update(query.unwrap_or_default())),
        Operation::SERVICE_REMOVE => Some(Change::Removed),
        _ => None,
    }
}

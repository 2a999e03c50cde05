//! One request: read as far as need be, decided, recorded, sent to the cluster, answered.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
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
use crate::service::Service;
use crate::spec::{ServiceSpec, Spec};
use crate::touched::{Change, Intent, Ledger};
use crate::witness::{self, Witness};

/// How much of a request is read ahead where it has to be understood or sent in one piece, in
/// bytes. Managers take no longer message of each other
/// (<https://github.com/moby/swarmkit/blob/master/manager/state/raft/transport/peer.go>).
/// What is longer passes all the same, but is not understood. What was read is sent on byte for byte.
const REQUEST_LIMIT: usize = 4 * 1024 * 1024;

/// How much of an answer is read ahead where it has to be understood, in bytes.
const ANSWER_LIMIT: usize = 64 * 1024;

/// What all connections share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) transport: Transport,
    pub(crate) policy: Arc<dyn Policy>,
    pub(crate) witness: Option<Arc<dyn Witness>>,
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
        let mut entry = Entry::open(&head.method, head.uri.path(), &route);
        let hijack = Hijack::asked(&head.headers, route.operation);
        let (body, whole) = match read_ahead(body, route.operation, hijack).await {
            Ok(read) => read,
            Err(error) => return Ok(self.explain(entry, Failed::Request(error))),
        };
        let spec = whole.as_deref().map_or(Spec::Unread, |all| Spec::read(route.operation, all));
        let change = change(route.operation, head.uri.query());
        let service = change.and_then(|change| Service::read(change, &head, whole.as_deref()));
        let decision = self.decide(&head, &route, &spec, service).await;
        entry.decided(decision.clone());
        if decision.verdict != Verdict::Allow {
            return Ok(self.refuse(entry, route.operation, decision));
        }
        if head.method == Method::CONNECT {
            return Ok(self.say(entry, StatusCode::METHOD_NOT_ALLOWED, "Docker has no CONNECT"));
        }
        let intent = change.map(|change| intent(change, route, spec));
        match self.forward(head, hijack, body, intent).await {
            Ok(answer) => self.pass(entry, hijack, answer).await,
            Err(failed) => Ok(self.explain(entry, failed)),
        }
    }

    /// Has the policy decide, after a look at the service's image if it wants one.
    async fn decide(
        &self,
        head: &request::Parts,
        route: &Route,
        spec: &Spec,
        mut service: Option<Service>,
    ) -> Decision {
        let (method, path, binds) = (&head.method, head.uri.path(), spec.binds());
        let facts = RequestFacts { method, path, route, binds: &binds, service: None };
        let policy = &self.shared.policy;
        if let Some(service) = &mut service
            && policy.wants_image(&RequestFacts { service: Some(service.facts()), ..facts })
        {
            service.look_at_image(&self.shared.transport).await;
        }
        let service = service.as_ref().map(Service::facts);
        policy.decide(&RequestFacts { service, ..facts })
    }

    /// Sends the request and waits for the answer's head. Of a change of a service the witness is
    /// told before and after.
    async fn forward(
        &self,
        mut head: request::Parts,
        hijack: Option<Hijack>,
        body: Streamed,
        intent: Option<Intent>,
    ) -> Result<Response<Streamed>, Failed> {
        hop::strip_request(&mut head.headers);
        if hijack == Some(Hijack::Plain) {
            hop::ask_upgrade(&mut head.headers, HeaderValue::from_static("tcp"));
        }
        if let (Some(witness), Some(intent)) = (&self.shared.witness, &intent) {
            witness::wait(witness.before(&intent.change, intent.names())).await;
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
        let touched = self.shared.ledger.record(intent, told.as_deref(), at);
        if let Some(witness) = &self.shared.witness {
            witness::wait(witness.after(&touched)).await;
        }
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

    fn refuse(self, entry: Entry, asked: Operation, decision: Decision) -> Response<Answer> {
        match decision.verdict {
            Verdict::OwnFile { path } => {
                let message = self.whose_file(&path, asked);
                self.say(entry, StatusCode::BAD_REQUEST, &message)
            }
            Verdict::RefuseInWords { words } => self.say(entry, StatusCode::FORBIDDEN, &words),
            Verdict::Refuse | Verdict::Allow => {
                let message = format!("refused by the rule \"{}\" of this runner", decision.rule);
                self.say(entry, StatusCode::FORBIDDEN, &message)
            }
        }
    }

    /// Why a path of the job's can't be mounted, and what can be done instead.
    fn whose_file(&self, path: &str, asked: Operation) -> String {
        let endpoint = self.shared.transport.address();
        if asked == Operation::CONTAINER_CREATE {
            format!(
                "{path} is in this job's own file system, but the engine at {endpoint} would look \
                 for it in its own: copy files with \"docker cp\", build them into an image, or use \
                 a volume"
            )
        } else {
            format!(
                "{path} is in this job's own file system, but the nodes of the cluster at \
                 {endpoint} would look for it in their own: build its files into an image, or use \
                 a config, a secret or a volume"
            )
        }
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
                    self.shared.transport.address()
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
        let mut response = Response::new(Answer::new(Bytes::from(json), self.turn));
        *response.status_mut() = status;
        let kind = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }
}

/// Reads as much of a body as has to be understood, or sent in one piece; and gives all of it where
/// it has to be understood and is short enough.
async fn read_ahead(
    body: Incoming,
    operation: Operation,
    hijack: Option<Hijack>,
) -> hyper::Result<(Streamed, Option<Bytes>)> {
    let understood = Spec::is_in(operation);
    if !understood && hijack.is_none() {
        return Ok((body.into(), None));
    }
    let body = Streamed::gather(body, REQUEST_LIMIT).await?;
    let whole = if understood { body.whole() } else { None };
    Ok((body, whole))
}

/// What a request would change about a service.
fn change(operation: Operation, query: Option<&str>) -> Option<Change> {
    match operation {
        Operation::SERVICE_CREATE => Some(Change::Created),
        Operation::SERVICE_UPDATE => Some(Change::update(query.unwrap_or_default())),
        Operation::SERVICE_REMOVE => Some(Change::Removed),
        _ => None,
    }
}

fn intent(change: Change, route: Route, spec: Spec) -> Intent {
    let spec = if let Spec::Service(spec) = spec { spec } else { ServiceSpec::default() };
    Intent { change, asked: route.object, spec }
}

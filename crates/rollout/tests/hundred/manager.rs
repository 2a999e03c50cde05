//! A manager that is played: it answers at a unix socket, as a swarm does of which nothing is known but
//! the parts that a watch asks for, and remembers what it was asked.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use docker::address::EngineAddress;
use docker::endpoint::Source;
use docker::{Engine, Limits};
use futures::StreamExt;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rollout::swarm::Swarm;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};
use tokio_util::task::AbortOnDropHandle;

use crate::stack::Stack;

/// Between two events: more often than anybody can look.
const EVENTS: Duration = Duration::from_millis(50);

/// The manager. It is gone when dropped.
pub(crate) struct Manager {
    directory: TempDir,
    asked: Arc<Mutex<Vec<String>>>,
    _answering: AbortOnDropHandle<()>,
}

/// What is answered, made once.
struct Answers {
    services: Bytes,
    tasks: Bytes,
    nodes: Bytes,
    network: Bytes,
}

impl Manager {
    /// Of a swarm with this one stack.
    pub(crate) fn of(stack: Stack) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("engine.sock")).unwrap();
        let asked = Arc::default();
        let answers = Arc::new(Answers {
            services: stack.services().into(),
            tasks: stack.tasks().into(),
            nodes: Stack::nodes().to_string().into(),
            network: stack.network().to_string().into(),
        });
        let answering = tokio::spawn(accept(listener, answers, Arc::clone(&asked)));
        Self { directory, asked, _answering: AbortOnDropHandle::new(answering) }
    }

    /// The swarm, as a watch asks it.
    pub(crate) fn swarm(&self) -> Swarm {
        let path = self.directory.path().join("engine.sock");
        let source = Source::Setting("the test".to_owned());
        let address = EngineAddress::parse(&format!("unix://{}", path.display()), source).unwrap();
        let EngineAddress::Local(socket) = address else { panic!("{address:?} is no socket") };
        let engine = Engine::local(socket, Limits::default());
        Swarm::new(engine.clone(), move |_| Ok(engine.clone()))
    }

    /// The paths of all requests so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn accept(listener: UnixListener, answers: Arc<Answers>, asked: Arc<Mutex<Vec<String>>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(answer(stream, Arc::clone(&answers), Arc::clone(&asked)));
    }
}

async fn answer(stream: UnixStream, answers: Arc<Answers>, asked: Arc<Mutex<Vec<String>>>) {
    let service = service_fn(|request: Request<Incoming>| {
        let path = request.uri().path().to_owned();
        let body = answers.to(&path);
        asked.lock().unwrap().push(path);
        async { Ok::<_, Infallible>(Response::new(body)) }
    });
    let connection = hyper::server::conn::http1::Builder::new();
    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
}

impl Answers {
    fn to(&self, path: &str) -> BoxBody<Bytes, Infallible> {
        let body = match path {
            "/services" => &self.services,
            "/tasks" => &self.tasks,
            "/nodes" => &self.nodes,
            "/events" => return events(),
            _ if path.starts_with("/networks/") => &self.network,
            _ => panic!("nobody asks for {path}"),
        };
        Full::new(body.clone()).boxed()
    }
}

/// One after the other, for ever.
fn events() -> BoxBody<Bytes, Infallible> {
    let event = json!({ "Type": "service", "Action": "update", "Actor": { "ID": "s0" } });
    let event = Bytes::from(format!("{event}\n"));
    let ticks = futures::stream::unfold((), |()| async {
        tokio::time::sleep(EVENTS).await;
        Some(((), ()))
    });
    let events = ticks.map(move |()| Ok(Frame::data(event.clone())));
    BodyExt::boxed(StreamBody::new(events))
}

//! A server on this machine that answers as a test says, and remembers what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

/// How a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answers {
    /// With these bytes; the connection stays.
    With(&'static str),
    /// With these bytes, and then the connection is closed.
    AndCloses(&'static str),
    /// With a body of so many bytes; the connection stays.
    WithBodyOf(usize),
    /// With these bytes, before anything is asked.
    Unasked(&'static str),
    /// With nothing: the connection is closed.
    Closes,
    /// With nothing: the connection stays.
    Never,
}

pub(super) const OK: Answers = Answers::With("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
pub(super) const UNAVAILABLE: Answers =
    Answers::With("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nwait");

/// The server. Closed with all its connections when dropped.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    state: Arc<Mutex<State>>,
    _task: AbortOnDropHandle<()>,
}

/// What the server is told and has seen.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) answers: Answers,
    /// Connections so far.
    pub(super) accepted: usize,
    /// Connections that are open.
    pub(super) open: usize,
    /// Heads of requests.
    pub(super) requests: Vec<String>,
}

impl Server {
    pub(super) async fn start(answers: Answers) -> Self {
        Self::start_with(answers, None).await
    }

    pub(super) async fn start_with(answers: Answers, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = State { answers, accepted: 0, open: 0, requests: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let task = AbortOnDropHandle::new(tokio::spawn(accept(listener, Arc::clone(&state), tls)));
        Self { address, state, _task: task }
    }

    /// From the next request on.
    pub(super) fn now(&self, answers: Answers) {
        self.state.lock().unwrap().answers = answers;
    }

    pub(super) fn seen(&self) -> State {
        self.state.lock().unwrap().clone()
    }
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>, tls: Option<TlsAcceptor>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        let (state, tls) = (Arc::clone(&state), tls.clone());
        connections.spawn(async move {
            let _open = Open::new(Arc::clone(&state));
            match tls {
                None => serve(tcp, state).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(tcp).await {
                        serve(stream, state).await;
                    }
                }
            }
        });
    }
}

/// Counts a connection as open until it is dropped.
struct Open(Arc<Mutex<State>>);

impl Open {
    fn new(state: Arc<Mutex<State>>) -> Self {
        let mut seen = state.lock().unwrap();
        seen.accepted += 1;
        seen.open += 1;
        drop(seen);
        Self(state)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.lock().unwrap().open -= 1;
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, state: Arc<Mutex<State>>) {
    let answers = state.lock().unwrap().answers;
    if let Answers::Unasked(text) = answers {
        let _ = stream.write_all(text.as_bytes()).await;
    }
    while let Some(head) = head(&mut stream).await {
        let answers = {
            let mut state = state.lock().unwrap();
            state.requests.push(head);
            state.answers
        };
        let (text, stays) = match answers {
            Answers::With(text) => (text.to_owned(), true),
            Answers::AndCloses(text) => (text.to_owned(), false),
            Answers::WithBodyOf(bytes) => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n");
                (head + &"x".repeat(bytes), true)
            }
            Answers::Closes => (String::new(), false),
            Answers::Never | Answers::Unasked(_) => (String::new(), true),
        };
        if stream.write_all(text.as_bytes()).await.is_err() || !stays {
            break;
        }
    }
    let _ = stream.shutdown().await;
}

/// The next request's head; none once the client has closed.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

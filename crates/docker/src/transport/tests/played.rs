//! An engine at a unix socket, played.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};

use crate::endpoint::Source;
use crate::transport::Body;
use crate::{Engine, EngineAddress, Limits, Socket};

pub(crate) struct Played {
    directory: TempDir,
    accepted: Arc<AtomicUsize>,
}

impl Played {
    /// Hands every connection to `serve`.
    pub(crate) fn raw<F>(serve: impl Fn(UnixStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let accepted = Arc::new(AtomicUsize::new(0));
        let played = Self { directory: tempfile::tempdir().unwrap(), accepted };
        let listener = UnixListener::bind(played.path()).unwrap();
        let count = Arc::clone(&played.accepted);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(connection));
            }
        });
        played
    }

    /// Answers every request.
    pub(crate) fn http(
        answer: impl Fn(Request<Incoming>) -> Response<Body> + Clone + Send + Sync + 'static,
    ) -> Self {
        Self::raw(move |connection| {
            let answer = answer.clone();
            async move {
                let service = service_fn(move |request| {
                    let answer = answer(request);
                    async { Ok::<_, Infallible>(answer) }
                });
                let http = hyper::server::conn::http1::Builder::new();
                let _ = http.serve_connection(TokioIo::new(connection), service).await;
            }
        })
    }

    pub(crate) fn engine(&self) -> Engine {
        self.engine_named_by(Source::Setting("the test".into()))
    }

    pub(crate) fn engine_named_by(&self, source: Source) -> Engine {
        Engine::local(self.socket_named_by(source), Limits::default())
    }

    pub(crate) fn socket(&self) -> Socket {
        self.socket_named_by(Source::Setting("the test".into()))
    }

    fn socket_named_by(&self, source: Source) -> Socket {
        match EngineAddress::parse(self.path().to_str().unwrap(), source).unwrap() {
            EngineAddress::Local(socket) => socket,
            EngineAddress::Remote(endpoint) => panic!("{endpoint} is no socket"),
        }
    }

    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("docker.sock")
    }
}

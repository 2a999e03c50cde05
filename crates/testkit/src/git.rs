//! Git repositories to clone over http, as GitLab offers them.
//!
//! Owns the web server; what is behind it is git's own `git http-backend`
//! (<https://git-scm.com/docs/git-http-backend>), a process for each request, so all that git can do
//! over http works: branches, depth, protocol 2. Everybody may read, nobody may write.

mod backend;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use job::Result;
use tokio_util::task::AbortOnDropHandle;

use crate::web;

/// Serves the repositories of one directory until dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    _server: AbortOnDropHandle<()>,
}

impl Server {
    /// Starts to serve what is below `directory` on a free port of one of this machine's addresses.
    ///
    /// # Errors
    ///
    /// This machine doesn't have the address, or there is no free port.
    pub async fn start_at(address: Ipv4Addr, directory: &Path) -> Result<Self> {
        let (listener, address) = web::listen(address).await?;
        let directory: Arc<Path> = directory.into();
        let answer = move |request| answer(Arc::clone(&directory), request);
        let server = tokio::spawn(web::serve(listener, answer));
        Ok(Self { address, _server: AbortOnDropHandle::new(server) })
    }

    /// Where to clone the repository that is called so below the directory.
    pub fn url(&self, repository: &str) -> String {
        format!("http://{}/{repository}", self.address)
    }
}

async fn answer(directory: Arc<Path>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    backend::answer(&directory, request).await.unwrap_or_else(|failure| {
        tracing::warn!("{}", failure.render());
        let mut broken = Response::new(Full::default());
        *broken.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        broken
    })
}

//! The web servers of this crate: a port of their own, and one answer per request.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use job::{Failure, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Opens a free port of one of this machine's addresses.
///
/// # Errors
///
/// This machine doesn't have the address, or there is no free port.
pub(crate) async fn listen(address: Ipv4Addr) -> Result<(TcpListener, SocketAddr)> {
    let cannot = |error| Failure::system(format!("cannot listen on {address}")).caused_by(error);
    let listener = TcpListener::bind((address, 0)).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    Ok((listener, address))
}

/// Serves until dropped; connections end with it.
pub(crate) async fn serve<Answering>(
    listener: TcpListener,
    answer: impl Fn(Request<Incoming>) -> Answering + Clone + Send + 'static,
) where
    Answering: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, answer.clone()));
                }
                Err(error) => tracing::warn!(%error, "cannot accept a connection"),
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection<Answering>(
    stream: TcpStream,
    answer: impl Fn(Request<Incoming>) -> Answering,
) where
    Answering: Future<Output = Response<Full<Bytes>>>,
{
    let service = service_fn(move |request| {
        let answer = answer(request);
        async { Ok::<_, Infallible>(answer.await) }
    });
    if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
    {
        tracing::debug!(%error, "a connection broke");
    }
}

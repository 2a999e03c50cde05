//! The ways in: each stream that says hello is an arrival.

use crate::Duplex;
use crate::link::{Arrival, Carrier, Hello};
use std::io;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

/// What a hello over the socket may take. On stdin it may take until the first stage.
const PATIENCE: Duration = Duration::from_secs(10);
/// A pause after a failed accept, which mostly means that file descriptors have run out.
const RESPITE: Duration = Duration::from_millis(100);

type Stream = Box<dyn Duplex>;

/// Takes in one `run` after the other from stdin, until a carrier there was cut.
pub(super) async fn stdio(stream: Stream, arrivals: mpsc::Sender<Arrival>) {
    let mut carrier = Carrier::new(stream);
    let mut next = greet(&mut carrier).await.map(|hello| (hello, carrier)).ok();
    while let Some((hello, carrier)) = next {
        let (back, returned) = oneshot::channel();
        if arrivals.send(Arrival { hello, carrier, back }).await.is_err() {
            return;
        }
        next = returned.await.ok();
    }
}

/// Takes in whoever connects to the socket.
pub(super) async fn socket(listener: UnixListener, arrivals: mpsc::Sender<Arrival>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(visit(Box::new(stream), arrivals.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a bridge");
                sleep(RESPITE).await;
            }
        }
    }
}

async fn visit(stream: Stream, arrivals: mpsc::Sender<Arrival>) {
    let mut carrier = Carrier::new(stream);
    if let Ok(Ok(hello)) = timeout(PATIENCE, greet(&mut carrier)).await {
        let (back, _) = oneshot::channel();
        let _ = arrivals.send(Arrival { hello, carrier, back }).await;
    }
}

async fn greet(carrier: &mut Carrier<Stream>) -> io::Result<Hello> {
    let hello = Hello::find(&mut carrier.stream, &mut carrier.buffer).await;
    hello.inspect_err(|error| tracing::debug!(%error, "a carrier without a hello"))
}

#[cfg(test)]
#[path = "succession.rs"]
mod succession;

//! Who is served, who waits to be, and who is turned away.

use crate::link::{Arrival, Denied, Key, Link, SessionId, encode_answer, keep};
use crate::{AgentError, far};
use std::future::pending;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long a refusal may take to be written.
const REFUSING: Duration = Duration::from_secs(1);

/// The sessions of this container.
#[derive(Default)]
pub(super) struct Lodging {
    /// The place's key, from its first hello on.
    key: Option<Key>,
    /// The latest session. It may have to wait for the one before to end.
    latest: Option<Latest>,
    waiting: Option<Link>,
    serving: Option<JoinHandle<Result<(), AgentError>>>,
    closing: bool,
}

struct Latest {
    id: SessionId,
    carriers: mpsc::Sender<Arrival>,
}

impl Lodging {
    /// Takes up a session, or goes on with it, or turns away who is not entitled to.
    pub(super) async fn admit(&mut self, arrival: Arrival) {
        if !self.key.get_or_insert(arrival.hello.key).fits(&arrival.hello.key) {
            return deny(arrival, Denied::Key).await;
        }
        if self.latest.as_ref().is_none_or(|latest| latest.id != arrival.hello.session) {
            if arrival.hello.known {
                return deny(arrival, Denied::Ended).await;
            }
            self.begin(&arrival);
        }
        let Some(latest) = &self.latest else { return };
        if let Err(refused) = latest.carriers.send(arrival).await {
            deny(refused.0, Denied::Ended).await;
        }
    }

    /// The session before, if it still is under way, sees the end of its stream.
    fn begin(&mut self, arrival: &Arrival) {
        let (link, carriers) = keep(arrival.hello.terms);
        self.latest = Some(Latest { id: arrival.hello.session, carriers });
        self.waiting = Some(link);
        if self.serving.is_none() {
            self.serve_next();
        }
    }

    fn serve_next(&mut self) {
        let serve = |link: Link| {
            let patience = link.fate().patience();
            tokio::spawn(far::serve_patiently(link, patience))
        };
        self.serving = self.waiting.take().filter(|_| !self.closing).map(serve);
    }

    /// Returns when a session's processes have ended; the next one, if it waits, is served then.
    pub(super) async fn vacated(&mut self) {
        let Some(serving) = &mut self.serving else { return pending().await };
        match serving.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a session failed"),
            Err(error) => tracing::warn!(%error, "a session broke off"),
        }
        self.serve_next();
    }

    /// Whether no session has processes of its own to wait for.
    pub(super) fn is_vacant(&self) -> bool {
        self.serving.is_none()
    }

    /// There will be no further session.
    pub(super) fn close(&mut self) {
        self.closing = true;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closing && self.is_vacant()
    }
}

/// Says so, and lets who came by stdin try again.
async fn deny(arrival: Arrival, denied: Denied) {
    let Arrival { hello, mut carrier, back } = arrival;
    let Ok(answer) = encode_answer(Err(denied), hello.seal) else { return };
    let said = async {
        carrier.stream.write_all(&answer).await?;
        carrier.stream.flush().await
    };
    if let Ok(Ok(())) = timeout(REFUSING, said).await {
        let _ = back.send(carrier);
    }
}

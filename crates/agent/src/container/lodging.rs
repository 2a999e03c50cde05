//! Who is served, who waits to be, and who is turned away.

use crate::link::{Arrival, Denied, Fate, Hello, Key, Link, SessionId, encode_answer, keep, say};
use crate::{AgentError, far};
use std::future::pending;
use std::io;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long the last session's end may take to be told.
const FAREWELL: Duration = Duration::from_secs(1);
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
    /// Of the latest that was served.
    fate: Option<Fate>,
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
            return deny(arrival, Denied::Key);
        }
        if self.latest.as_ref().is_none_or(|latest| latest.id != arrival.hello.session) {
            if arrival.hello.known {
                return deny(arrival, Denied::Ended);
            }
            self.begin(&arrival);
        }
        let Some(latest) = &self.latest else { return };
        if let Err(refused) = latest.carriers.send(arrival).await {
            deny(refused.0, Denied::Ended);
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
        let next = self.waiting.take().filter(|_| !self.closing);
        self.serving = next.map(|link| {
            let fate = self.fate.insert(link.fate());
            tokio::spawn(far::serve_patiently(link, fate.patience()))
        });
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

    /// Returns when the last session's end has been told, or nobody is there to hear it.
    pub(super) async fn farewell(self) {
        let Some(fate) = &self.fate else { return };
        let _ = timeout(FAREWELL, fate.settled()).await;
    }
}

/// Says so, and waits for the next one where one may come, which is stdin.
fn deny(arrival: Arrival, denied: Denied) {
    let Arrival { hello, mut carrier, back } = arrival;
    let refuse = async move {
        let answer = encode_answer(Err(denied), hello.seal)?;
        timeout(REFUSING, say(&mut carrier.stream, &answer)).await??;
        if !back.is_closed() {
            let next = Hello::find(&mut carrier.stream, &mut carrier.buffer).await?;
            let _ = back.send((next, carrier));
        }
        io::Result::Ok(())
    };
    tokio::spawn(refuse);
}

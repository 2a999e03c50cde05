//! The agent's side: waits for carriers of one session until it is over or patience is.

use super::carry::{Carrier, Cut, carry, say};
use super::hello::{Hello, encode_answer};
use super::stream::{Link, Shared};
use super::terms::Terms;
use crate::Duplex;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// A stream on which a `run` has said hello.
pub(crate) struct Arrival {
    pub(crate) hello: Hello,
    pub(crate) carrier: Carrier<Box<dyn Duplex>>,
    /// Gets the carrier back if it is still of use when the session is over.
    pub(crate) back: oneshot::Sender<Carrier<Box<dyn Duplex>>>,
}

/// Begins a session. The stream ends when the sender is dropped, for a newer session, or when no
/// carrier comes for as long as `terms` say.
pub(crate) fn keep(terms: Terms) -> (Link, mpsc::Sender<Arrival>) {
    let (link, shared) = Link::new(terms);
    let (sender, arrivals) = mpsc::channel(1);
    let keeper = Keeper { shared, terms, arrivals };
    tokio::spawn(keeper.run());
    (link, sender)
}

struct Keeper {
    shared: Shared,
    terms: Terms,
    arrivals: mpsc::Receiver<Arrival>,
}

impl Keeper {
    async fn run(mut self) {
        let mut next = self.arrivals.recv().await;
        while let Some(Arrival { hello, mut carrier, back }) = next {
            let carried = tokio::select! {
                carried = attend(&self.shared, self.terms, &hello, &mut carrier) => carried,
                newer = self.arrivals.recv() => {
                    self.shared.put_down();
                    next = newer;
                    continue;
                }
            };
            self.shared.put_down();
            match carried {
                Ok(()) => {
                    // A socket's carrier is not taken back.
                    let _ = back.send(carrier);
                    break;
                }
                Err(cut) => tracing::debug!(%cut, "a carrier was cut"),
            }
            drop(carrier);
            next = timeout(self.terms.patience, self.arrivals.recv()).await.unwrap_or(None);
        }
        self.shared.give_up(None);
    }
}

async fn attend(
    shared: &Shared,
    terms: Terms,
    hello: &Hello,
    carrier: &mut Carrier<Box<dyn Duplex>>,
) -> Result<(), Cut> {
    let answer = encode_answer(Ok(shared.received()), hello.seal)?;
    let said = timeout(terms.silence, say(&mut carrier.stream, &answer)).await;
    said.map_err(|_| Cut::Silent)??;
    shared.take_up(hello.seal, hello.received)?;
    carry(shared, carrier).await
}

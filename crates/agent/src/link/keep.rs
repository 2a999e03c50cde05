//! The agent's side: waits for carriers of one session until it is over or patience is.

use super::carry::{Carrier, Cut, carry, say};
use super::hello::{Hello, encode_answer};
use super::state::Role;
use super::stream::{Link, Shared};
use super::terms::Terms;
use crate::Duplex;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// A stream on which a `run` has said hello.
pub(crate) struct Arrival {
    pub(crate) hello: Hello,
    pub(crate) carrier: Carrier<Box<dyn Duplex>>,
    /// Gets the carrier back with the next hello on it, once the session is over.
    pub(crate) back: oneshot::Sender<Successor>,
}

/// The next `run` on the same stream.
pub(crate) type Successor = (Hello, Carrier<Box<dyn Duplex>>);

/// Begins a session. The stream ends when the sender is dropped, for a newer session, or when no
/// carrier comes for as long as `terms` say.
pub(crate) fn keep(terms: Terms) -> (Link, mpsc::Sender<Arrival>) {
    let (link, shared) = Link::new(Role::Agent, terms);
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
        while let Some(mut arrival) = next {
            let served = tokio::select! {
                served = serve(&self.shared, self.terms, &mut arrival) => served,
                newer = self.arrivals.recv() => {
                    self.shared.put_down();
                    next = newer;
                    continue;
                }
            };
            self.shared.put_down();
            match served {
                Ok(hello) => drop(arrival.back.send((hello, arrival.carrier))),
                Err(cut) => tracing::debug!(%cut, "a carrier was cut"),
            }
            next = timeout(self.terms.patience, self.arrivals.recv()).await.unwrap_or(None);
        }
        self.shared.give_up(None);
    }
}

/// Goes on over a carrier until this end has said its last; `run` may then have left, or be cut off
/// and come back by another way. Returns the hello of who comes next by this one.
async fn serve(shared: &Shared, terms: Terms, arrival: &mut Arrival) -> Result<Hello, Cut> {
    let Arrival { hello, carrier, .. } = arrival;
    let answer = encode_answer(Ok(shared.received()), hello.seal)?;
    let said = timeout(terms.silence, say(&mut carrier.stream, &answer)).await;
    said.map_err(|_| Cut::Silent)??;
    shared.take_up(hello.seal, hello.received)?;
    carry(shared, carrier).await?;
    shared.settle();
    Ok(Hello::find(&mut carrier.stream, &mut carrier.buffer).await?)
}

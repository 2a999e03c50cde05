//! `run`'s side: finds a carrier, and another one, until the session is over or patience is.

use super::carry::{Carrier, Cut, Incoming, carry, listen, say, speak, watch};
use super::frame::Seal;
use super::hello::{Denied, Hello, Key, SessionId, random, read_answer};
use super::pauses::Pauses;
use super::state::Role;
use super::stream::{Link, Shared};
use super::terms::Terms;
use crate::{AgentError, Duplex};
use std::io;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// What a connector may take.
const CONNECTING: Duration = Duration::from_secs(15);

/// How a carrier comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By an attach to the stdin and stdout of the container's first process: the quick way, for
    /// as long as all is well.
    Attach,
    /// By an exec of the agent's bridge: the way after a cut. An attach shares the first process's
    /// stdout with all other ones, also those that have stopped reading and hold it up.
    Bridge,
}

/// Opens a session with an agent that [`container::serve`](crate::container::serve)s.
///
/// `connector` is asked for a carrier by the way `first`, and for another one by the bridge each
/// time that the last was lost, for up to `terms.patience` without contact. An error of the kind
/// [`NotFound`](io::ErrorKind::NotFound) says that the container is gone, so that there is no
/// point in asking again. A carrier that has been lost is dropped.
///
/// `first` is [`Way::Attach`] unless the caller knows better: when an earlier session of the same
/// place was cut, its agent doesn't answer on its stdin any more, which costs half of
/// `terms.silence` to find out.
///
/// It returns at once. Failures come out of the session: see [`Session::over`](crate::Session::over).
pub fn connect<C, F, D>(key: Key, terms: Terms, first: Way, connector: C) -> io::Result<Link>
where
    C: FnMut(Way) -> F + Send + 'static,
    F: Future<Output = io::Result<D>> + Send + 'static,
    D: Duplex,
{
    let session = random()?;
    let (link, shared) = Link::new(Role::Run, terms);
    let caller = Caller { shared, connector, key, session, terms, called: false, welcomed: false };
    tokio::spawn(caller.stay_in_touch(first));
    Ok(link)
}

struct Caller<C> {
    shared: Shared,
    connector: C,
    key: Key,
    session: SessionId,
    terms: Terms,
    /// There has been a carrier that may have brought the agent a hello.
    called: bool,
    /// The agent knows the session.
    welcomed: bool,
}

impl<C, F, D> Caller<C>
where
    C: FnMut(Way) -> F + Send + 'static,
    F: Future<Output = io::Result<D>> + Send,
    D: Duplex,
{
    async fn stay_in_touch(mut self, first: Way) {
        let mut way = first;
        let mut contact = Instant::now();
        let mut pauses = Pauses::default();
        loop {
            let ended = self.attempt(way).await;
            if let Some(heard) = self.shared.put_down().filter(|_| self.welcomed) {
                contact = heard;
                pauses = Pauses::default();
            }
            let over = match ended {
                Ok(()) => Ok(()),
                Err(cut) => match self.judge(cut, contact) {
                    Ok(cut) => {
                        tracing::warn!(%cut, ?way, "the stream to the agent was cut");
                        way = Way::Bridge;
                        sleep(pauses.next()).await;
                        continue;
                    }
                    Err(end) => end,
                },
            };
            return self.shared.give_up(over.err());
        }
    }

    /// Whether to go on after this cut, or else how the link ends.
    fn judge(&self, cut: Cut, contact: Instant) -> Result<Cut, Result<(), AgentError>> {
        let silent = contact.elapsed();
        match cut {
            // The agent has forgotten a session because it had heard the end of it.
            Cut::Denied(Denied::Ended) if self.shared.finished() => Err(Ok(())),
            Cut::Denied(denied) => Err(Err(AgentError::Denied(denied))),
            Cut::Diverged(_) => Err(Err(AgentError::Broken(cut.into()))),
            Cut::Broken(ref error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Err(AgentError::OutOfReach { silent, source: cut.into() }))
            }
            _ if silent >= self.terms.patience => {
                Err(Err(AgentError::OutOfReach { silent, source: cut.into() }))
            }
            _ => Ok(cut),
        }
    }

    /// Goes on over a new carrier for as long as it lasts.
    async fn attempt(&mut self, way: Way) -> Result<(), Cut> {
        let connecting = timeout(CONNECTING, (self.connector)(way)).await;
        let mut carrier = Carrier::new(connecting.map_err(|_| Cut::Silent)??);
        let seal = random()?;
        let hello = self.hello(seal).encode()?;
        // An agent that will not answer an attach is worth less time than the last resort.
        let patience = if way == Way::Attach { self.terms.silence / 2 } else { self.terms.silence };
        if !std::mem::replace(&mut self.called, true) {
            return self.begin(&mut carrier, hello, seal, patience).await;
        }
        let (mut incoming, mut to) = carrier.split();
        let greeted = async {
            say(&mut to, &hello).await?;
            answer(&mut incoming, seal).await
        };
        let theirs = timeout(patience, greeted).await.map_err(|_| Cut::Silent)??;
        self.welcomed = true;
        self.shared.take_up(seal, theirs)?;
        carry(&self.shared, &mut carrier).await
    }

    /// The first carrier of a session: it goes on at the beginning in any case, so that it needs
    /// no answer before the first bytes, which saves a round trip.
    async fn begin(
        &mut self,
        carrier: &mut Carrier<D>,
        hello: Vec<u8>,
        seal: Seal,
        patience: Duration,
    ) -> Result<(), Cut> {
        self.shared.take_up(seal, 0)?;
        let (mut incoming, to) = carrier.split();
        let welcomed = &mut self.welcomed;
        let listening = async {
            match timeout(patience, answer(&mut incoming, seal)).await {
                Ok(Ok(_)) => *welcomed = true,
                Ok(Err(cut)) => return cut,
                Err(_) => return Cut::Silent,
            }
            listen(&self.shared, incoming).await
        };
        tokio::select! {
            cut = listening => Err(cut),
            spoken = speak(&self.shared, to, hello) => spoken,
            cut = watch(&self.shared) => Err(cut),
        }
    }

    fn hello(&self, seal: Seal) -> Hello {
        Hello {
            key: self.key,
            session: self.session,
            known: self.welcomed,
            received: self.shared.received(),
            terms: self.terms,
            seal,
        }
    }
}

async fn answer<D: Duplex>(incoming: &mut Incoming<'_, D>, seal: Seal) -> Result<u64, Cut> {
    Ok(read_answer(&mut incoming.from, incoming.buffer, seal).await??)
}

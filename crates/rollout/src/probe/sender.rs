//! Sends requests at the interval until it is stopped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::task::AbortOnDropHandle;

use super::asker::Asker;
use super::connection::Connection;
use super::tally::{Ended, Kind, Measured, Tally};

/// How many requests are under way at once on connections of their own. At this many, none is sent
/// until one has ended: a server that answers nobody is not helped by more.
const MOST_AT_ONCE: usize = 64;

/// Requests that are being sent. Dropping it ends all of them at once.
#[derive(Debug)]
pub struct Running {
    shared: Arc<Shared>,
    stop: oneshot::Sender<()>,
    task: AbortOnDropHandle<()>,
}

impl Running {
    pub(super) fn start(asker: Asker, interval: Duration) -> Self {
        let url = asker.url().to_string();
        let shared = Arc::new(Shared { url, began: Instant::now(), tally: Mutex::default() });
        let (stop, stopped) = oneshot::channel();
        let sender = Sender {
            asker: Arc::new(asker),
            shared: Arc::clone(&shared),
            under_way: JoinSet::new(),
            kept: Kept::Idle(None),
        };
        let task = AbortOnDropHandle::new(tokio::spawn(sender.run(interval, stopped)));
        Self { shared, stop, task }
    }

    /// Sends no more, waits for the requests that are under way, at most for as long as one may
    /// take, and tells what all of them met.
    pub async fn stop(self) -> Measured {
        let stopped = self.shared.now();
        // Without a receiver the task has ended, and so have its requests.
        let _ = self.stop.send(());
        let _ = self.task.await;
        self.shared.measured(stopped)
    }

    /// What the requests that have ended met so far.
    pub fn so_far(&self) -> Measured {
        self.shared.measured(self.shared.now())
    }
}

/// What the task and its owner both look at.
#[derive(Debug)]
struct Shared {
    url: String,
    began: Instant,
    tally: Mutex<Tally>,
}

impl Shared {
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn measured(&self, now: Duration) -> Measured {
        self.tally().measured(self.url.clone(), self.began, now)
    }
}

/// The connection that is kept.
#[derive(Debug)]
enum Kept {
    /// Nothing is asked on it; none before the first request, and after a failure.
    Idle(Option<Connection>),
    /// A request is under way on it.
    Busy,
}

/// A request that has ended, and the connection that it leaves for the next one of its kind.
type Done = (Ended, Option<Connection>);

struct Sender {
    asker: Arc<Asker>,
    shared: Arc<Shared>,
    under_way: JoinSet<Done>,
    kept: Kept,
}

impl Sender {
    async fn run(mut self, interval: Duration, mut stopped: oneshot::Receiver<()>) {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                _ = &mut stopped => break,
                _ = ticks.tick() => self.send(),
                Some(done) = self.under_way.join_next() => self.record(done.ok()),
            }
        }
        let timeout = self.asker.timeout();
        // Each has that limit of its own; this one holds should the machine be too busy for them.
        let _ = tokio::time::timeout(timeout + Duration::from_secs(1), async {
            while let Some(done) = self.under_way.join_next().await {
                self.record(done.ok());
            }
        })
        .await;
    }

    /// One request of each kind, as far as there is room for it.
    fn send(&mut self) {
        let busy = usize::from(matches!(self.kept, Kept::Busy));
        if self.under_way.len() - busy < MOST_AT_ONCE {
            let asker = Arc::clone(&self.asker);
            self.spawn(Kind::Fresh, async move { (asker.ask_anew().await, None) });
        }
        match std::mem::replace(&mut self.kept, Kept::Busy) {
            Kept::Busy => {}
            Kept::Idle(connection) => {
                let asker = Arc::clone(&self.asker);
                self.spawn(Kind::Kept, async move { asker.ask_again(connection).await });
            }
        }
    }

    fn spawn(
        &mut self,
        kind: Kind,
        request: impl Future<Output = (Result<(), super::fault::Fault>, Option<Connection>)>
        + Send
        + 'static,
    ) {
        let shared = Arc::clone(&self.shared);
        let from = shared.now();
        self.under_way.spawn(async move {
            let (result, connection) = request.await;
            let error = result.err().map(|fault| fault.to_string());
            (Ended { kind, from, until: shared.now(), error }, connection)
        });
    }

    fn record(&mut self, done: Option<Done>) {
        let Some((ended, connection)) = done else { return };
        if ended.kind == Kind::Kept {
            self.kept = Kept::Idle(connection);
        }
        self.shared.tally().record(ended);
    }
}

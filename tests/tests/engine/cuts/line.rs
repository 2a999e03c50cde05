//! An engine at the end of a line that breaks.

use std::sync::Arc;
use std::time::Duration;

use job::{Failure, Result};
use play::{Event, Job, Process};
use scenarios::{Engine, Left, Moment, Scenario, at, left_by};
use testkit::nodes::Node;
use testkit::proxy::Proxy;
use testkit::wait::{Seen, until};
use tokio::time::sleep;

/// How a line is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Connections are reset, and new ones refused.
    Closed,
    /// Nothing gets through, and nobody is told.
    Silent,
}

pub(crate) const LOSSES: [Loss; 2] = [Loss::Closed, Loss::Silent];

/// The lone engine through a proxy.
pub(crate) struct Line {
    pub(crate) engine: Engine,
    pub(crate) proxy: Arc<Proxy>,
}

impl Line {
    /// `more` is added to `[profile.default.engine]`.
    pub(crate) fn new(scenario: &Scenario, more: &str) -> Result<Self> {
        let node = lone(scenario)?;
        let proxy = Arc::new(Proxy::in_front_of(node)?);
        Ok(Self { engine: Engine::through(scenario, node, &proxy, more)?, proxy })
    }

    /// What is left of a job on either machine.
    pub(crate) async fn left_by(&self, job: &Job) -> Result<Vec<String>> {
        let mut left = self.engine.left_by(job).await?;
        let here = left_by(job);
        if here != Left::default() {
            left.push(format!("{here:?}"));
        }
        Ok(left)
    }

    /// A watcher that breaks the line once, for so long, when after a moment so many bytes have
    /// passed.
    pub(crate) fn broken_after(
        &self,
        bytes: u64,
        moment: Moment,
        loss: Loss,
        span: Duration,
    ) -> impl FnMut(Event) + Send + use<> {
        let mut proxy = Some(Arc::clone(&self.proxy));
        at(moment, move |_: &Process| {
            let Some(proxy) = proxy.take() else { return };
            let from = passed(&proxy);
            tokio::spawn(async move {
                let there = async || match passed(&proxy) - from {
                    now if now >= bytes => Seen::Ready(()),
                    now => Seen::NotYet(format!("{now} bytes")),
                };
                until("bytes to pass", Duration::from_mins(1), there).await?;
                lose(&proxy, loss).await;
                sleep(span).await;
                proxy.restore().await
            });
        })
    }
}

/// Breaks the line, until [`Proxy::restore`].
pub(crate) async fn lose(proxy: &Proxy, loss: Loss) {
    match loss {
        Loss::Closed => proxy.cut().await,
        Loss::Silent => proxy.black_hole(),
    }
}

fn passed(proxy: &Proxy) -> u64 {
    let traffic = proxy.traffic();
    traffic.to_engine + traffic.from_engine
}

fn lone(scenario: &Scenario) -> Result<&Node> {
    let lone = scenario.swarm.lone_engines().next();
    lone.ok_or_else(|| Failure::system("there is no engine outside the swarm"))
}

//! The rollouts that a script causes: seen as its changes pass the gateway, watched until they have
//! ended, told, and taken back where the profile says so.
//!
//! What happened on the swarm becomes the job's result here and nowhere else: a script that ended
//! well ends badly with its rollouts, and one that ended badly stays what it was.

mod advised;
mod bypass;
mod conclusion;
mod deposit;
mod probing;
mod telling;
mod undoing;
mod witness;

use std::sync::Arc;
use std::time::Instant;

use docker::Cluster;
use gateway::Gateway;
use gateway::policy::Policy;
use job::settings::Rollout as Rules;
use job::{Ending, Failure, JobContext, Result};
use rollout::expectation::Expectation;
use rollout::judge::Deadlines;
use rollout::ledger::Ledger;
use rollout::report::Masker;
use rollout::snapshot::Service;
use rollout::swarm::Swarm;
use rollout::watch::{Gathering, Watch};

use super::cancel::Signals;
use super::{Place, Script};
use advised::Advised;
use conclusion::{Conclusion, Waited};
use probing::Probing;
use telling::Telling;
use witness::LedgerWitness;

/// What a script does to the swarm.
pub(super) struct Rollouts<'a> {
    script: &'a Script<'a>,
    rules: Rules,
    swarm: Swarm,
    ledger: Ledger,
    advised: Advised,
    /// All services as they were before, of a script that may go past the gateway.
    baseline: Option<Vec<Service>>,
    gathering: Gathering,
    probe: Option<Probing>,
    masker: Masker,
}

impl<'a> Rollouts<'a> {
    /// Gets ready, before the script starts.
    ///
    /// # Errors
    /// The job asks for what its profile doesn't permit.
    pub(super) async fn begin(script: &'a Script<'a>, cluster: &Cluster) -> Result<Self> {
        let Script { stage, job, .. } = script;
        let rules = stage.profile.rollout.clone().chosen_by(|name| job.variable(name))?;
        let nodes = cluster.clone();
        let swarm = Swarm::new(cluster.engine().clone(), move |address| nodes.engine_at(address));
        let ledger = Ledger::new(swarm.clone());
        let rollouts = Self {
            script,
            advised: Advised::by(&rules.advice),
            gathering: Gathering::of(ledger.clone()),
            baseline: None,
            probe: Probing::of(&rules.probe, stage.log).filter(|_| rules.wait),
            masker: masker(job)?,
            rules,
            swarm,
            ledger,
        };
        Ok(rollouts.with_baseline().await)
    }

    /// Looks at everything, where the gateway won't see what the script does.
    async fn with_baseline(mut self) -> Self {
        let Script { stage, job, granted, .. } = self.script;
        if self.rules.wait && bypass::is_possible(&stage.profile, *granted, job) {
            self.swarm.learn_of_managers().await;
            self.baseline = services(&self.swarm).await;
            self.probe.iter().for_each(Probing::begin);
        }
        self
    }

    /// A gateway's policy that also reads services for what will drop requests.
    pub(super) fn advising(&self, policy: impl Policy + 'static) -> impl Policy + 'static {
        self.advised.before(policy)
    }

    /// Has the gateway tell of the changes that pass it.
    pub(super) fn witnessing(&self, gateway: Gateway) -> Gateway {
        let (ledger, probe) = (self.ledger.clone(), self.probe.clone());
        gateway.witnessed_by(Arc::new(LedgerWitness { ledger, probe }))
    }

    /// Waits for all rollouts, tells of them, and makes them part of how the script ended.
    pub(super) async fn conclude(
        self,
        ending: Result<Ending>,
        place: &impl Place,
        signals: &mut Signals,
    ) -> Result<Ending> {
        self.gathering.end();
        let expectations = self.expectations().await;
        if expectations.is_empty() || !self.rules.wait {
            self.advised.tell(self.script.stage.log);
            return ending;
        }
        let mut telling = Telling::begin(self.script.stage.log, &expectations, &self.masker);
        let mut watch = self.watch(expectations);
        let waited = self.wait(&mut watch, &mut telling, signals).await;
        let conclusion = Conclusion::reach(self, watch, waited, &mut telling, signals).await;
        conclusion.tell(telling);
        conclusion.deposit(place).await;
        conclusion.decide(ending)
    }

    /// What the script did. Past the gateway only where nothing passed it.
    async fn expectations(&self) -> Vec<Expectation> {
        let passed = self.ledger.expectations();
        match &self.baseline {
            Some(before) if passed.is_empty() => match services(&self.swarm).await {
                Some(now) => rollout::meanwhile::changed(before, now),
                None => Vec::new(),
            },
            _ => passed,
        }
    }

    fn watch(&self, expectations: Vec<Expectation>) -> Watch {
        let timeline_of = |expectation: &_| self.gathering.take(expectation);
        Watch::new(self.swarm.clone(), self.began(), expectations, self.deadlines(), timeline_of)
    }

    /// From here on times are counted: the first change.
    fn began(&self) -> Instant {
        self.ledger.began()
    }

    fn deadlines(&self) -> Deadlines {
        Deadlines { progress: self.rules.progress_deadline, total: self.rules.deadline }
    }

    /// Waits until all has ended, a signal comes, or nobody answers any more.
    async fn wait(
        &self,
        watch: &mut Watch,
        telling: &mut Telling,
        signals: &mut Signals,
    ) -> Waited {
        if signals.were_heard() {
            return Waited::Cancelled;
        }
        tokio::select! {
            ended = watch.until_ended(|news| telling.look(&news)) => match ended {
                Ok(()) => Waited::Ended,
                Err(failure) => Waited::Lost(failure),
            },
            () = signals.next() => Waited::Cancelled,
        }
    }
}

async fn services(swarm: &Swarm) -> Option<Vec<Service>> {
    let services = swarm.services().await;
    services.inspect_err(|failure| tracing::warn!(%failure, "services not looked at")).ok()
}

/// For what the job keeps secret.
fn masker(job: &JobContext) -> Result<Masker> {
    Masker::new(job.proofs.masked_values()).map_err(|error| {
        Failure::job("the values of the job's masked variables are too long to be looked for")
            .caused_by(error)
    })
}

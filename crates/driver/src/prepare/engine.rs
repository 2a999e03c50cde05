//! Preparing containers on an engine: images, network, containers, services that are ready.
//!
//! What is refused without asking anybody is refused first. Then everything that doesn't depend on
//! each other is done side by side.
//!
//! An engine that has answered once is waited for when it is lost, and all is made anew: whatever an
//! attempt has left is met under its name and replaced.

use std::time::Duration;

use docker::{Cluster, Engine, EngineFacts, certificates_directory};
use job::Result;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};

use super::{Prepare, cluster_line, engine_words};
use crate::access::{Access, EngineAccess};
use crate::placement::{Containers, EngineRecord, Maker, Wanted};
use crate::state::PlaceRecord;

/// The ways to what prepare asks: the cluster, if the job's docker is led there, and the engine.
struct Ways {
    cluster: Option<(Access, Cluster)>,
    engine: Engine,
    address: String,
    /// What the engine has said of itself, once it has.
    facts: OnceCell<EngineFacts>,
}

/// Between two questions whether an engine is back; also what the engine gets to end what it was
/// doing when it was lost.
const PAUSE: Duration = Duration::from_secs(1);

impl Prepare<'_> {
    pub(super) async fn on_engine(&self) -> Result<()> {
        let wanted = Wanted::new(self.stage, self.job)?;
        wanted.warnings.iter().for_each(|words| self.warn(words));
        let ways = self.ways().await?;
        let maker = Maker::new(self.stage, self.job, &self.directory, &wanted, &ways.engine)?;
        let containers = self.make(&maker, &ways, &wanted).await?;
        self.record_engine(&ways.address, true, Some(containers))
    }

    /// Makes everything, once more for each time that the engine is lost and comes back.
    async fn make(&self, maker: &Maker<'_>, ways: &Ways, wanted: &Wanted) -> Result<Containers> {
        loop {
            let unanswered = ways.engine.transport().unanswered();
            let made = Box::pin(maker.make(self.check(ways, wanted))).await;
            let is_lost = ways.engine.transport().unanswered() > unanswered;
            match made {
                Err(failure) if is_lost && ways.facts.initialized() => {
                    self.warn("lost contact with the engine: prepare waits for it and begins anew");
                    tracing::warn!(failure = failure.render(), "lost contact with the engine");
                    if !self.is_back(&ways.engine).await {
                        return Err(failure);
                    }
                }
                made => return made,
            }
        }
    }

    /// Waits until the engine answers again, for as long as the profile says.
    async fn is_back(&self, engine: &Engine) -> bool {
        let deadline = Instant::now() + self.stage.profile.engine.reconnect_timeout;
        loop {
            sleep(PAUSE).await;
            if engine.check().await.is_ok() {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
        }
    }

    fn record_engine(
        &self,
        address: &str,
        answered: bool,
        containers: Option<Containers>,
    ) -> Result<()> {
        let address = address.to_owned();
        self.record(PlaceRecord::Engine(Box::new(EngineRecord { address, answered, containers })))
    }

    /// Reads addresses and credentials, and keeps them for the stages to come.
    async fn ways(&self) -> Result<Ways> {
        let profile = &self.stage.profile;
        let needs_cluster = self.has_docker() || EngineAccess::is_of_cluster(self.stage);
        let cluster =
            if needs_cluster { Some(Access::gather(self.stage, self.job).await?) } else { None };
        let access = EngineAccess::gather(self.stage, self.job, cluster.as_ref()).await?;
        let address = access.address.to_string();
        self.record_engine(&address, false, None)?;
        self.keep_for_engine(cluster.as_ref(), &access)?;
        let cluster = match cluster {
            Some(cluster) => {
                let made = cluster.cluster(profile, |words| self.warn(words))?;
                Some((cluster, made))
            }
            None => None,
        };
        let engine = match &cluster {
            Some((_, cluster)) if EngineAccess::is_of_cluster(self.stage) => {
                cluster.engine().clone()
            }
            _ => access.engine(profile, |words| self.warn(words))?,
        };
        let cluster = cluster.filter(|_| self.has_docker());
        Ok(Ways { cluster, engine, address, facts: OnceCell::new() })
    }

    fn keep_for_engine(&self, cluster: Option<&Access>, engine: &EngineAccess) -> Result<()> {
        if cluster.is_some() || engine.credentials.is_some() {
            self.warn_of_disk();
        }
        if let Some(cluster) = cluster {
            certificates_directory::write(&self.directory.certificates(), &cluster.credentials)?;
        }
        match &engine.credentials {
            Some(credentials)
                if cluster.is_none() || EngineAccess::has_own_credentials(self.stage) =>
            {
                let place = EngineAccess::certificates(self.stage, &self.directory);
                certificates_directory::write(&place, credentials)
            }
            // Those of the cluster are there already.
            Some(_) | None => Ok(()),
        }
    }

    /// Asks cluster and engine who they are, and notes that there was an answer before anything is
    /// made there.
    async fn check(&self, ways: &Ways, wanted: &Wanted) -> Result<EngineFacts> {
        let ask = async || {
            let facts = self.ask(ways, wanted).await?;
            self.record_engine(&ways.address, true, None)?;
            Ok(facts)
        };
        ways.facts.get_or_try_init(ask).await.cloned()
    }

    /// One question where cluster and engine are one.
    async fn ask(&self, ways: &Ways, wanted: &Wanted) -> Result<EngineFacts> {
        let Some((access, cluster)) = &ways.cluster else {
            let facts = ways.engine.check().await?;
            self.say(engine_line(&ways.address, &facts));
            self.say("Docker access: none");
            return Ok(facts);
        };
        let apart = !EngineAccess::is_of_cluster(self.stage);
        let of_engine =
            async { if apart { ways.engine.check().await.map(Some) } else { Ok(None) } };
        let (of_cluster, of_engine) = tokio::try_join!(cluster.check(), of_engine)?;
        self.say(cluster_line(&access.endpoint, &of_cluster));
        if let Some(facts) = &of_engine {
            self.say(engine_line(&ways.address, facts));
        }
        let way = wanted.offer.describe(&access.endpoint.to_string());
        self.say(format!("Docker access: {way}; {}", self.whose_key()));
        if !wanted.offer.is_meant_by(self.job.claims.get("DOCKER_HOST")) {
            self.warn_of(&self.detours());
        }
        Ok(of_engine.unwrap_or(of_cluster.engine))
    }
}

fn engine_line(address: &str, facts: &EngineFacts) -> String {
    format!("Engine: {address} is {}", engine_words(facts))
}

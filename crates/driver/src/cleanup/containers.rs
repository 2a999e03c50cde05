//! What the job has on an engine: containers, networks, volumes, found by their labels.
//!
//! The engine may be out of reach; cleanup then gives up in bounded time, and `swarm-executor sweep`
//! or the next look by label finds what is left.

use std::time::Duration;

use docker::containers::leftovers;
use job::settings::Placement;
use job::{Failure, JobContext, JobKey, Result};

use super::Cleanup;
use crate::access::EngineAccess;
use crate::runtime;
use crate::stage::Stage;

/// The longest time that an engine is given, all in all.
const PATIENCE: Duration = Duration::from_secs(30);

impl Cleanup<'_> {
    /// Removes all that job `key` has on its engine. `remembered` is the way there that the job's
    /// directory led; without it, the profile's counts, if jobs of it run on an engine.
    pub(super) fn remove_containers(
        &mut self,
        key: &JobKey,
        remembered: Option<EngineAccess>,
        stage: Option<&Stage<'_>>,
    ) {
        let is_settled = stage.is_some_and(|stage| stage.profile.placement == Placement::Host);
        if remembered.is_none() && (stage.is_none() || is_settled) {
            return;
        }
        let removed = runtime::block_on(remove(key, remembered, stage));
        self.failures.extend(removed.unwrap_or_else(|failure| vec![failure]));
    }
}

async fn remove(
    key: &JobKey,
    remembered: Option<EngineAccess>,
    stage: Option<&Stage<'_>>,
) -> Result<Vec<Failure>> {
    let access = match (remembered, stage) {
        (Some(access), _) => access,
        (None, Some(stage)) => {
            EngineAccess::gather(stage, &JobContext::read(stage.environment)?, None).await?
        }
        (None, None) => return Ok(Vec::new()),
    };
    let profile = stage.map(|stage| stage.profile.clone()).unwrap_or_default();
    let engine = access.engine(&profile, |words| tracing::warn!("{words}"))?;
    Ok(leftovers::remove(&engine.docker()?, key, PATIENCE).await)
}

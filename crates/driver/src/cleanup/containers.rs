//! What the job has on an engine: containers, networks, volumes, found by their labels.
//!
//! The engine may be out of reach; cleanup asks again until it is back, gives up in bounded time, and
//! what is then left is found by its labels. An engine that has never answered is hardly waited for.

use std::time::Duration;

use docker::containers::leftovers;
use job::settings::Placement;
use job::{Blame, Failure, JobContext, JobKey, Result};

use super::Cleanup;
use crate::access::EngineAccess;
use crate::placement::Containers;
use crate::runtime;
use crate::stage::Stage;
use crate::state::JobRecord;

/// The longest time that an engine is given, all in all.
const PATIENCE: Duration = Duration::from_secs(30);

/// The same where nothing of the job is expected.
const LITTLE_PATIENCE: Duration = Duration::from_secs(3);

/// What prepare noted of the engine, if it came that far.
pub(super) struct Noted {
    /// How long the engine may take.
    patience: Duration,
    /// The ids of the job's containers.
    containers: Vec<String>,
}

impl Noted {
    pub(super) fn of(record: Option<&JobRecord>) -> Self {
        let engine = record.and_then(JobRecord::engine);
        let has_answered = engine.is_none_or(|engine| engine.answered);
        let containers = engine.and_then(|engine| engine.containers.as_ref());
        Self {
            patience: if has_answered { PATIENCE } else { LITTLE_PATIENCE },
            containers: containers.map(Containers::ids).unwrap_or_default(),
        }
    }
}

impl Cleanup<'_> {
    /// Removes all that job `key` has on its engine. `remembered` is the way there that the job's
    /// directory led; without it, the profile's counts, if jobs of it run on an engine.
    pub(super) fn remove_containers(
        &mut self,
        key: &JobKey,
        remembered: Option<EngineAccess>,
        stage: Option<&Stage<'_>>,
        noted: &Noted,
    ) {
        let is_settled = stage.is_some_and(|stage| stage.profile.placement == Placement::Host);
        if remembered.is_none() && (stage.is_none() || is_settled) {
            return;
        }
        let removed = runtime::block_on(remove(key, remembered, stage, noted));
        self.failures.extend(removed.unwrap_or_else(|failure| vec![failure]));
    }
}

async fn remove(
    key: &JobKey,
    remembered: Option<EngineAccess>,
    stage: Option<&Stage<'_>>,
    noted: &Noted,
) -> Result<Vec<Failure>> {
    let access = match (remembered, stage) {
        (Some(access), _) => access,
        (None, Some(stage)) => match anew(stage).await? {
            Some(access) => access,
            None => return Ok(Vec::new()),
        },
        (None, None) => return Ok(Vec::new()),
    };
    let profile = stage.map(|stage| stage.profile.clone()).unwrap_or_default();
    let engine = access.engine(&profile, |words| tracing::warn!("{words}"))?;
    Ok(leftovers::remove(&engine.docker()?, key, &noted.containers, noted.patience).await)
}

/// The way by the profile and the job's variables. What a job lacks of them it lacked in prepare,
/// which then made nothing: there is no way, and none is needed.
async fn anew(stage: &Stage<'_>) -> Result<Option<EngineAccess>> {
    let job = JobContext::read(stage.environment)?;
    match EngineAccess::gather(stage, &job, None).await {
        Err(failure) if failure.blame() == Blame::Job && job.claims.get("CI_JOB_ID").is_some() => {
            tracing::info!(job = %job.key, "nothing is on an engine that prepare couldn't reach");
            Ok(None)
        }
        gathered => gathered.map(Some),
    }
}

//! Taking back what a job did to services, when the verdict is bad and the profile says so.
//!
//! What somebody else has changed meanwhile is theirs, and stays.

use std::sync::Arc;

use job::{Failure, Result};

use crate::expectation::{After, Before, Deed, Expectation};
use crate::record::UndoDeed;
use crate::snapshot::{Service, Spec};
use crate::swarm::Swarm;

/// How one service is taken back.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// It is as it was.
    Nothing,
    /// By the orchestrator's own rollback, as `rollback_config` has it.
    RollBack,
    /// By asking for this again.
    Restore(Arc<Spec>),
    /// By removing it.
    Remove,
    /// By creating it anew.
    CreateAnew(Arc<Spec>),
    /// Not at all: this is why.
    Leave(&'static str),
}

impl Plan {
    /// Of a service that a job did this to, and that is now as it is.
    pub fn of(expectation: &Expectation, now: Option<&Service>) -> Self {
        if expectation.deed == Deed::ChangedMeanwhile {
            return Self::Leave("it changed past the gateway, and nobody knows by whom");
        }
        match (&expectation.before, now) {
            (None, None) => Self::Nothing,
            (None, Some(now)) if expectation.deed == Deed::Created => {
                if is_others(expectation, None, now) { Self::OTHERS } else { Self::Remove }
            }
            (None, Some(_)) => Self::Leave("nobody knows what it was before"),
            (Some(before), None) if expectation.deed == Deed::Removed => {
                Self::CreateAnew(Arc::clone(&before.spec))
            }
            (Some(_), None) => Self::Leave("somebody else has removed it"),
            (Some(before), Some(now)) if is_same(&before.spec, &now.spec) => Self::Nothing,
            (Some(before), Some(now)) if is_others(expectation, Some(before), now) => Self::OTHERS,
            (Some(before), Some(now)) => match &now.previous {
                Some(previous) if is_same(previous, &before.spec) => Self::RollBack,
                _ => Self::Restore(Arc::clone(&before.spec)),
            },
        }
    }

    const OTHERS: Self = Self::Leave("somebody else has changed it since");

    /// What this does, for the record.
    pub fn deed(&self) -> UndoDeed {
        match self {
            Self::Nothing | Self::Leave(_) => UndoDeed::Nothing,
            Self::RollBack | Self::Restore(_) => UndoDeed::Restored,
            Self::Remove => UndoDeed::Removed,
            Self::CreateAnew(_) => UndoDeed::CreatedAnew,
        }
    }

    /// Does it. The answer is what the swarm is then expected to do; nothing, where nothing was done.
    ///
    /// # Errors
    /// The cluster refuses, or it is to be left as it is.
    pub async fn act(
        self,
        swarm: &Swarm,
        expectation: &Expectation,
        now: Option<&Service>,
    ) -> Result<Option<Expectation>> {
        let before = match now {
            Some(now) => Some(Before {
                spec: Arc::clone(&now.spec),
                version: now.version,
                tasks: swarm.task_ids(now).await?,
            }),
            None => None,
        };
        let gone = || Failure::job("it is gone");
        let mut id = expectation.id.clone();
        let deed = match self {
            Self::Nothing => return Ok(None),
            Self::Leave(why) => return Err(Failure::job(why)),
            Self::RollBack => {
                swarm.roll_back(now.ok_or_else(gone)?).await?;
                Deed::RolledBack
            }
            Self::Restore(spec) => {
                swarm.update(now.ok_or_else(gone)?, &spec).await?;
                Deed::Updated
            }
            Self::Remove => {
                swarm.remove(&id).await?;
                Deed::Removed
            }
            Self::CreateAnew(spec) => {
                id = swarm.create(&spec).await?;
                Deed::Created
            }
        };
        let after = if deed == Deed::Removed { None } else { swarm.service(&id).await? };
        let (name, stack) = (expectation.name.clone(), expectation.stack.clone());
        let after = after.map(After::from);
        Ok(Some(Expectation { id, name, stack, deed, before, after }))
    }
}

impl From<Service> for After {
    fn from(service: Service) -> Self {
        let Service { spec, version, update, updated_at, .. } = service;
        Self { spec, version, update, at: updated_at }
    }
}

/// Whether somebody else has asked for something since the job did: neither what the job asked for
/// nor what was there before is asked for now.
fn is_others(expectation: &Expectation, before: Option<&Before>, now: &Service) -> bool {
    let asked = [expectation.after.as_ref().map(|after| &after.spec), before.map(|it| &it.spec)];
    expectation.after.is_some() && !asked.into_iter().flatten().any(|spec| is_same(spec, &now.spec))
}

fn is_same(one: &Spec, other: &Spec) -> bool {
    one.whole == other.whole
}

#[cfg(test)]
mod tests;

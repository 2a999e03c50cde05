//! What became of a container, to explain why a script in it ended as it did.
//!
//! Exit code 137 alone says only that something was killed. An engine knows more: whether the
//! kernel killed a process in the container for want of memory, be it the first one or another.
//! Engines before 25 note that with the container's end only
//! (<https://github.com/moby/moby/blob/v20.10.24/daemon/monitor.go>), but announce it at once; so
//! their last announcements, of which they keep 256, are asked for too.

use std::collections::HashMap;

use bollard::Docker;
use bollard::models::{ContainerState, ContainerStateStatusEnum};
use bollard::query_parameters::{EventsOptions, InspectContainerOptions};
use futures::StreamExt;
use job::{Failure, Result};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::refusal::Answer;

/// Whether a container still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It was never started.
    Created,
    /// It runs.
    Running,
    /// Its first process ended with this exit code.
    Exited(i64),
    /// It was removed, or is being removed.
    Gone,
}

/// What became of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Whether it still runs.
    pub life: Life,
    /// Whether the kernel killed a process in it for want of memory.
    pub out_of_memory: bool,
}

/// What became of the container with this id.
///
/// # Errors
/// The system's: the engine is away.
pub async fn of(docker: &Docker, id: &str) -> Result<End> {
    let inspect = docker.inspect_container(id, None::<InspectContainerOptions>);
    let (inspected, announced) = tokio::join!(inspect, announced_out_of_memory(docker, id));
    match inspected.map_err(Answer::of) {
        Ok(container) => {
            let state = container.state.unwrap_or_default();
            let out_of_memory = state.oom_killed == Some(true) || announced?;
            Ok(End { life: life(&state), out_of_memory })
        }
        Err(Answer::Refused(refusal)) if refusal.is_absence() => {
            Ok(End { life: Life::Gone, out_of_memory: announced? })
        }
        Err(answer) => Err(answer.into_failure(|_| unknown(id))),
    }
}

fn life(state: &ContainerState) -> Life {
    use ContainerStateStatusEnum as Status;
    match state.status {
        Some(Status::CREATED) => Life::Created,
        Some(Status::EXITED) => Life::Exited(state.exit_code.unwrap_or_default()),
        Some(Status::REMOVING | Status::DEAD) => Life::Gone,
        _ => Life::Running,
    }
}

/// Announcements up to now are asked for, by the engine's own clock: with a moment that is still
/// to come the engine would wait for it.
async fn announced_out_of_memory(docker: &Docker, id: &str) -> Result<bool> {
    let failure = |error| Answer::of(error).into_failure(|_| unknown(id));
    let info = docker.info().await.map_err(failure)?;
    let Some(now) = info.system_time.as_deref().and_then(since_1970) else { return Ok(false) };
    let filters = [("container", id), ("event", "oom")];
    let filters: HashMap<_, _> =
        filters.map(|(kind, value)| (kind.to_owned(), vec![value.to_owned()])).into();
    let options = EventsOptions { since: None, until: Some(now), filters: Some(filters) };
    match docker.events(Some(options)).next().await {
        Some(announcement) => announcement.map(|_| true).map_err(failure),
        None => Ok(false),
    }
}

/// A moment of an engine's as its API takes it: seconds since 1970, with nine digits of a fraction,
/// for what was announced a moment ago is asked for.
fn since_1970(moment: &str) -> Option<String> {
    let moment = OffsetDateTime::parse(moment, &Rfc3339).ok()?;
    Some(format!("{}.{:09}", moment.unix_timestamp(), moment.nanosecond()))
}

fn unknown(id: &str) -> Failure {
    Failure::system(format!("the engine doesn't say what became of the container {id}"))
}

//! A job's services while they start: whether they are ready, and what they say.
//!
//! One request tells the state of them all. Whether a port answers is found out elsewhere, from
//! where the job's scripts are; [`judge`] takes both.

mod logs;
mod readiness;

use std::collections::BTreeMap;

use bollard::Docker;
use bollard::models::{ContainerSummary, ContainerSummaryStateEnum};
use bollard::query_parameters::ListContainersOptions;
use job::{Failure, Result};

pub use self::logs::{LastWords, Line, follow, last_words};
pub use self::readiness::{Readiness, Verdict, judge};

use super::marks::{JobMarks, by_service};
use super::refusal::Answer;

/// A service's container as the engine sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It was not started yet.
    Created,
    /// It runs.
    Running(Health),
    /// Its first process ended, with this exit code if the engine says it.
    Ended(Option<i64>),
}

/// What a HEALTHCHECK says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// There is none, or it has not been asked yet.
    Unknown,
    /// It says yes.
    Healthy,
    /// It has said no as often as it may.
    Unhealthy,
}

/// The states of all the job's services, by their numbers. One that is missing is gone.
///
/// # Errors
/// The system's: the engine is away.
pub async fn states(docker: &Docker, marks: &JobMarks) -> Result<BTreeMap<usize, State>> {
    let filters = Some(by_service(marks.key()));
    let options = ListContainersOptions { all: true, filters, ..<_>::default() };
    let listed = docker.list_containers(Some(options)).await.map_err(|error| {
        let explain = |_: &_| Failure::system("the engine doesn't tell of the job's services");
        Answer::of(error).into_failure(explain)
    })?;
    let state = |container: ContainerSummary| {
        let mut names = container.names.iter().flatten();
        let number = names.find_map(|name| marks.service_number(name.trim_start_matches('/')))?;
        Some((number, State::of(&container)))
    };
    Ok(listed.into_iter().filter_map(state).collect())
}

impl State {
    /// Health and exit code are in the status, a text for people since API 1.24
    /// (<https://github.com/moby/moby/blob/v28.5.2/container/state.go>).
    fn of(container: &ContainerSummary) -> Self {
        use ContainerSummaryStateEnum as Engine;
        let status = container.status.as_deref().unwrap_or_default();
        match container.state {
            Some(Engine::CREATED) => Self::Created,
            Some(Engine::EXITED | Engine::DEAD | Engine::REMOVING) => {
                Self::Ended(exit_code(status))
            }
            _ if status.ends_with("(healthy)") => Self::Running(Health::Healthy),
            _ if status.ends_with("(unhealthy)") => Self::Running(Health::Unhealthy),
            _ => Self::Running(Health::Unknown),
        }
    }
}

/// The code in `Exited (137) 2 seconds ago`.
fn exit_code(status: &str) -> Option<i64> {
    let (_, rest) = status.split_once('(')?;
    rest.split_once(')')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_from_what_a_list_says() {
        use ContainerSummaryStateEnum as Engine;
        for (state, status, expected) in [
            (Engine::CREATED, "Created", State::Created),
            (Engine::RUNNING, "Up 2 seconds", State::Running(Health::Unknown)),
            (Engine::RUNNING, "Up 2 seconds (health: starting)", State::Running(Health::Unknown)),
            (Engine::RUNNING, "Up 2 seconds (healthy)", State::Running(Health::Healthy)),
            (Engine::RUNNING, "Up 2 seconds (unhealthy)", State::Running(Health::Unhealthy)),
            (Engine::PAUSED, "Up 2 seconds (Paused)", State::Running(Health::Unknown)),
            (Engine::EXITED, "Exited (137) 2 seconds ago", State::Ended(Some(137))),
            (Engine::EXITED, "Exited (0) Less than a second ago", State::Ended(Some(0))),
            (Engine::DEAD, "Dead", State::Ended(None)),
        ] {
            let summary = ContainerSummary {
                state: Some(state),
                status: Some(status.to_owned()),
                ..ContainerSummary::default()
            };
            assert_eq!(State::of(&summary), expected, "{status}");
        }
    }
}

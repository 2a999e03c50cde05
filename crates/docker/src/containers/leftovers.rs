//! Removing whatever a job left on an engine, found by its label alone.
//!
//! One round trip finds what there is and kills the containers that the caller knows of, side by
//! side; those that it doesn't know of take another one. The last removes networks and volumes, which
//! can't go before. Containers are killed, not stopped: nothing in them is worth a wait. What is gone
//! already is a success, an engine that is away is asked again while there is time, and all failures
//! are told.

use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error;
use bollard::query_parameters::{
    ListContainersOptions, ListNetworksOptions, ListVolumesOptions, RemoveContainerOptions,
    RemoveVolumeOptions,
};
use futures::future::join_all;
use job::{Failure, JobKey};
use tokio::time::{Instant, sleep, timeout_at};

use super::marks::{JOB_LABEL, by_job};
use super::refusal::{Answer, Refusal};

/// How long somebody else's removal of the same thing is waited for, or the moment that an engine
/// takes to notice that nobody uses it any more.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// The pause before an engine that was away is asked again.
const AWAY: Duration = Duration::from_millis(500);

/// Something of a job's. Displays as a person would call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Leftover {
    Container { id: String, name: String },
    Network { id: String, name: String },
    Volume { name: String },
}

/// Removes the containers, networks and volumes of the job with this key, and what containers had
/// in nameless volumes. `known` are the ids of containers that are known to be the job's; without
/// any it takes a round trip more. Returns what went wrong, each thing by its name, within `limit`.
pub async fn remove(
    docker: &Docker,
    key: &JobKey,
    known: &[String],
    limit: Duration,
) -> Vec<Failure> {
    let deadline = Instant::now() + limit;
    let (containers, networks, volumes, gone) = tokio::join!(
        answered(deadline, async || containers(docker, key).await),
        answered(deadline, async || networks(docker, key).await),
        answered(deadline, async || volumes(docker, key).await),
        remove_known(docker, known, deadline),
    );
    let mut failures = Vec::new();
    let mut found = |listed: Result<Vec<Leftover>, Answer>| match listed {
        Ok(leftovers) => leftovers,
        Err(answer) => {
            failures.push(unlisted(key, answer_failure(answer)));
            Vec::new()
        }
    };
    let (mut containers, networks, volumes) = (found(containers), found(networks), found(volumes));
    containers.retain(|container| !gone.contains(&container.id()));
    // An engine that is away is away for all three.
    failures.truncate(1);
    failures.extend(remove_all(docker, containers, deadline).await);
    let rest = networks.into_iter().chain(volumes).collect();
    failures.extend(remove_all(docker, rest, deadline).await);
    failures
}

/// Returns which of them are gone. What stays is listed too, and told then by its name.
async fn remove_known<'a>(docker: &Docker, ids: &'a [String], deadline: Instant) -> Vec<&'a str> {
    let removals = ids.iter().map(async |id| {
        let removed = Leftover::container(id.clone()).remove(docker, deadline).await;
        removed.is_ok().then_some(id.as_str())
    });
    join_all(removals).await.into_iter().flatten().collect()
}

async fn containers(docker: &Docker, key: &JobKey) -> Result<Vec<Leftover>, Error> {
    let options = ListContainersOptions { all: true, filters: Some(by_job(key)), ..<_>::default() };
    let listed = docker.list_containers(Some(options)).await?;
    let leftover = |container: bollard::models::ContainerSummary| {
        let id = container.id?;
        let name = container.names.into_iter().flatten().next();
        let name = name.map_or_else(|| id.clone(), |name| name.trim_matches('/').to_owned());
        Some(Leftover::Container { id, name })
    };
    Ok(listed.into_iter().filter_map(leftover).collect())
}

async fn networks(docker: &Docker, key: &JobKey) -> Result<Vec<Leftover>, Error> {
    let options = ListNetworksOptions { filters: Some(by_job(key)) };
    let listed = docker.list_networks(Some(options)).await?;
    let leftover = |network: bollard::models::Network| {
        Some(Leftover::Network { id: network.id?, name: network.name.unwrap_or_default() })
    };
    Ok(listed.into_iter().filter_map(leftover).collect())
}

async fn volumes(docker: &Docker, key: &JobKey) -> Result<Vec<Leftover>, Error> {
    let options = ListVolumesOptions { filters: Some(by_job(key)) };
    let listed = docker.list_volumes(Some(options)).await?.volumes.unwrap_or_default();
    Ok(listed.into_iter().map(|volume| Leftover::Volume { name: volume.name }).collect())
}

async fn remove_all(docker: &Docker, leftovers: Vec<Leftover>, deadline: Instant) -> Vec<Failure> {
    let removals = leftovers.iter().map(|leftover| leftover.remove(docker, deadline));
    join_all(removals).await.into_iter().filter_map(Result::err).collect()
}

impl Leftover {
    /// The container with this name or id.
    pub(super) fn container(name: String) -> Self {
        Self::Container { id: name.clone(), name }
    }

    /// What the engine knows it by.
    fn id(&self) -> &str {
        match self {
            Self::Container { id, .. } | Self::Network { id, .. } => id,
            Self::Volume { name } => name,
        }
    }

    /// Returns when it is gone, or why it isn't.
    pub(super) async fn remove(&self, docker: &Docker, deadline: Instant) -> Result<(), Failure> {
        let patience = deadline.min(Instant::now() + PATIENCE);
        loop {
            let asked = answered(deadline, async || self.ask_for_removal(docker).await).await;
            let Err(answer) = asked else { return Ok(()) };
            match answer {
                Answer::Refused(refusal) if refusal.is_absence() => return Ok(()),
                Answer::Refused(refusal) if is_busy(&refusal) && Instant::now() < patience => {
                    sleep(PAUSE).await;
                }
                answer => return Err(self.stays(answer_failure(answer))),
            }
        }
    }

    async fn ask_for_removal(&self, docker: &Docker) -> Result<(), Error> {
        match self {
            Self::Container { id, .. } => {
                let options = RemoveContainerOptions { v: true, force: true, link: false };
                docker.remove_container(id, Some(options)).await
            }
            Self::Network { id, .. } => docker.remove_network(id).await,
            Self::Volume { name } => docker.remove_volume(name, None::<RemoveVolumeOptions>).await,
        }
    }

    fn stays(&self, cause: Failure) -> Failure {
        Failure::system(format!("{self} is left on the engine")).caused_by(cause)
    }
}

impl std::fmt::Display for Leftover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Container { name, .. } => write!(f, "the container {name}"),
            Self::Network { name, .. } => write!(f, "the network {name}"),
            Self::Volume { name } => write!(f, "the volume {name}"),
        }
    }
}

/// Asks until the engine answers, whatever it says, or there is no time left.
async fn answered<T>(
    deadline: Instant,
    ask: impl AsyncFn() -> Result<T, Error>,
) -> Result<T, Answer> {
    loop {
        let answer = match timeout_at(deadline, ask()).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => Answer::of(error),
            Err(_) => Answer::None(no_answer()),
        };
        let is_over = Instant::now() + AWAY >= deadline;
        if is_over || matches!(answer, Answer::Refused(_)) {
            return Err(answer);
        }
        sleep(AWAY).await;
    }
}

/// Whether somebody still uses the thing or is about to remove it: 409, but 403 for a network.
fn is_busy(refusal: &Refusal) -> bool {
    refusal.is_conflict() || refusal.says("has active endpoints")
}

fn unlisted(key: &JobKey, cause: Failure) -> Failure {
    Failure::system("what the job has on the engine can't be listed, and may be left there")
        .caused_by(cause)
        .hint(format!("remove there whatever bears the label {JOB_LABEL}={key}"))
}

fn no_answer() -> Failure {
    Failure::system("the engine gave no answer in time")
}

fn answer_failure(answer: Answer) -> Failure {
    match answer {
        Answer::Refused(refusal) => Failure::system(refusal.words),
        Answer::None(failure) => failure,
    }
}

#[cfg(test)]
mod tests {
    use bollard::API_DEFAULT_VERSION;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn an_engine_that_is_away_delays_by_a_bounded_time_and_is_told_once() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = silent.local_addr().unwrap();
        let key = JobKey::new("gitlab.example.com", 7);
        let remove = async || {
            let docker =
                Docker::connect_with_http(&address.to_string(), 60, API_DEFAULT_VERSION).unwrap();
            let failures = remove(&docker, &key, &[], Duration::from_millis(50)).await;
            assert_eq!(failures.len(), 1);
            failures[0].render()
        };
        let told = remove().await;
        assert!(told.contains("gave no answer in time"), "{told}");
        assert!(told.contains("swarm-executor.job=gitlab.example.com-7"), "{told}");
        drop(silent);
        assert!(remove().await.contains("can't be listed"));
    }
}

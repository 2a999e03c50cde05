//! What is asked of a cluster, at whichever of its managers answers.
//!
//! The profile names one manager. Should it go away, the others that it has told of are tried, with
//! the same credentials: their certificates have to name the addresses that the swarm knows them by.

mod change;
mod lingering;
mod look;
mod specs;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use docker::Engine;
use docker::engine::Answer;
use http::{Method, StatusCode};
use job::{Failure, Result};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::snapshot::read;
use crate::snapshot::{Node, Service};

pub use look::{Look, Wanted};

use specs::Specs;

/// Longest wait for one answer. A manager without a leader takes that long to say so.
const PATIENCE: Duration = Duration::from_secs(5);

/// Makes the engine at an address, by the job's credentials for the cluster.
pub type Elsewhere = dyn Fn(IpAddr) -> Result<Engine> + Send + Sync;

/// A cluster. Clones share what is known of its managers.
#[derive(Clone)]
pub struct Swarm(Arc<Shared>);

struct Shared {
    first: Engine,
    elsewhere: Box<Elsewhere>,
    managers: Mutex<Managers>,
}

/// Who is asked.
#[derive(Default)]
struct Managers {
    /// Where managers are, as the nodes' list had it.
    known: Vec<IpAddr>,
    /// Which one is asked: 0 is the first, the others are those known.
    turn: usize,
}

impl Swarm {
    /// The cluster of which `first` is a manager; `elsewhere` makes the engines of its other nodes.
    pub fn new(
        first: Engine,
        elsewhere: impl Fn(IpAddr) -> Result<Engine> + Send + Sync + 'static,
    ) -> Self {
        let elsewhere = Box::new(elsewhere);
        Self(Arc::new(Shared { first, elsewhere, managers: Mutex::default() }))
    }

    /// The manager that is asked at present.
    ///
    /// # Errors
    /// No engine can be made of its address.
    pub fn manager(&self) -> Result<Engine> {
        let managers = self.managers();
        let choice = managers.turn % (managers.known.len() + 1);
        match choice.checked_sub(1).map(|index| managers.known[index]) {
            Some(address) => self.engine_at(address),
            None => Ok(self.0.first.clone()),
        }
    }

    /// The engine of a node.
    ///
    /// # Errors
    /// No engine can be made of the address.
    pub fn engine_at(&self, address: IpAddr) -> Result<Engine> {
        (self.0.elsewhere)(address)
    }

    /// The service with this name or ID; none if there is none.
    ///
    /// # Errors
    /// No manager answers, or none that makes sense.
    pub async fn service(&self, asked: &str) -> Result<Option<Service>> {
        let asked = utf8_percent_encode(asked, NON_ALPHANUMERIC);
        let answer = self.ask(Method::GET, &format!("/services/{asked}"), None).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        understood(&accepted(answer)?, Service::read).map(Some)
    }

    /// Every service.
    ///
    /// # Errors
    /// No manager answers, or none that makes sense.
    pub async fn services(&self) -> Result<Vec<Service>> {
        self.listed("/services", None, read::services).await
    }

    /// The services of these IDs that there are.
    async fn services_of(&self, ids: &[&str], specs: &mut Specs) -> Result<Vec<Service>> {
        let mut services = Vec::with_capacity(ids.len());
        let take = |service| services.push(specs.share(service));
        let read = |json: &[u8]| read::each_service(json, take);
        self.listed("/services", Some(json!({ "id": ids })), read).await?;
        Ok(services)
    }

    /// Learns where the managers are, unless that is known. Should the first one go away before anybody
    /// has looked at the nodes, nobody would know whom to ask instead.
    pub async fn learn_of_managers(&self) {
        if !self.managers().known.is_empty() {
            return;
        }
        if let Err(failure) = self.nodes().await {
            tracing::info!(%failure, "the managers are not known");
        }
    }

    /// All nodes. Those that are managers are from now on known as such.
    async fn nodes(&self) -> Result<Vec<Node>> {
        let nodes = self.listed("/nodes", None, read::nodes).await?;
        let managers = nodes.iter().filter(|node| node.manager && node.ready);
        let known: Vec<_> = managers.filter_map(|node| node.address).collect();
        let mut managers = self.managers();
        // Whose turn it is must not change by another order of the list.
        if managers.turn == 0 {
            managers.known = known;
        }
        Ok(nodes)
    }

    /// What there is at `path`, of what `filters` let through.
    async fn listed<T>(
        &self,
        path: &str,
        filters: Option<Value>,
        read: impl FnOnce(&[u8]) -> serde_json::Result<T>,
    ) -> Result<T> {
        let path = match filters {
            None => path.to_owned(),
            Some(filters) => {
                let filters = filters.to_string();
                format!("{path}?filters={}", utf8_percent_encode(&filters, NON_ALPHANUMERIC))
            }
        };
        let answer = accepted(self.ask(Method::GET, &path, None).await?)?;
        understood(&answer, read)
    }

    /// Asks the manager whose turn it is. One that doesn't answer, or has no leader, loses it.
    async fn ask(&self, method: Method, path: &str, json: Option<Vec<u8>>) -> Result<Answer> {
        let engine = self.manager()?;
        let request = engine.request(method, path, json);
        let answer = match tokio::time::timeout(PATIENCE, request).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::system(format!(
                "the manager at {} gave no answer within {PATIENCE:?}",
                engine.transport().address()
            ))),
        };
        if answer.as_ref().map_or(true, |answer| is_out_of_order(answer.status)) {
            self.managers().turn += 1;
        }
        answer
    }

    fn managers(&self) -> std::sync::MutexGuard<'_, Managers> {
        self.0.managers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether another manager could know better: swarmkit's `Unavailable` and `DeadlineExceeded` become
/// 503 and 504, and a manager that has become a worker says 503
/// (<https://github.com/moby/moby/blob/v28.5.2/daemon/server/httpstatus/status.go>).
fn is_out_of_order(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
            | StatusCode::INTERNAL_SERVER_ERROR
    )
}

fn understood<T>(answer: &Answer, read: impl FnOnce(&[u8]) -> serde_json::Result<T>) -> Result<T> {
    read(&answer.body).map_err(|error| {
        Failure::system("the cluster's answer can't be understood").caused_by(error)
    })
}

/// The answer, unless it is an error.
fn accepted(answer: Answer) -> Result<Answer> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    let failure = Failure::system(format!("the cluster answers {}", answer.status));
    Err(match answer.message() {
        Some(message) => failure.caused_by(message),
        None => failure,
    })
}

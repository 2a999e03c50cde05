//! The networks on which services that are gone, and their tasks with them, still have endpoints, as far
//! as a manager knows.
//!
//! A network has to be asked for by itself, so one at a time is: a look costs one request more, however
//! many services are gone. Until it was its turn a network counts as one that is in use.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use http::{Method, StatusCode};
use job::Result;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;

use super::look::Wanted;
use super::{Swarm, accepted, understood};
use crate::snapshot::Snapshot;

/// What is known of networks.
#[derive(Default)]
pub(super) struct Lingering {
    looks: u64,
    /// In which look each service was first seen to be gone, by its ID.
    gone: HashMap<String, u64>,
    asked: HashMap<String, Asked>,
}

/// What a network was when it was last asked for.
struct Asked {
    /// In which look.
    look: u64,
    /// The names of the services that have endpoints there.
    services: BTreeSet<String>,
}

impl Lingering {
    /// Asks for the network that was asked for longest ago, and notes in the snapshots what is known.
    ///
    /// # Errors
    /// No manager answers, or none that makes sense.
    pub(super) async fn note(
        &mut self,
        wanted: &[Wanted],
        snapshots: &mut [Snapshot],
        swarm: &Swarm,
    ) -> Result<()> {
        self.looks += 1;
        let services = wanted.iter().zip(snapshots);
        let mut gone: Vec<_> = services.filter(|(_, snapshot)| is_gone(snapshot)).collect();
        for (wanted, _) in &gone {
            self.gone.entry(wanted.id.clone()).or_insert(self.looks);
        }
        let open = gone.iter().flat_map(|(wanted, _)| self.open(wanted));
        let longest_ago = |network: &&str| self.asked.get(*network).map(|asked| asked.look);
        let open: BTreeSet<&str> = open.collect();
        if let Some(network) = open.into_iter().min_by_key(longest_ago) {
            let services = swarm.services_on(network).await?;
            self.asked.insert(network.to_owned(), Asked { look: self.looks, services });
        }
        for (wanted, snapshot) in &mut gone {
            snapshot.lingering = self.open(wanted).map(str::to_owned).collect();
        }
        Ok(())
    }

    /// The networks of a service that is gone of which it isn't known that they are free of it.
    fn open<'w>(&self, wanted: &'w Wanted) -> impl Iterator<Item = &'w str> + use<'w, '_> {
        let since = self.gone.get(&wanted.id).copied();
        let is_free = move |network: &str| {
            self.asked.get(network).is_some_and(|asked| {
                Some(asked.look) >= since && !asked.services.contains(&wanted.name)
            })
        };
        wanted.networks.iter().map(String::as_str).filter(move |network| !is_free(network))
    }
}

fn is_gone(snapshot: &Snapshot) -> bool {
    snapshot.service.is_none() && snapshot.tasks.iter().all(|task| task.state.is_terminal())
}

impl Swarm {
    /// The names of the services that have endpoints on a network; none if it is gone.
    async fn services_on(&self, network: &str) -> Result<BTreeSet<String>> {
        let network = utf8_percent_encode(network, NON_ALPHANUMERIC);
        let path = format!("/networks/{network}?verbose=true");
        let answer = self.ask(Method::GET, &path, None).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(BTreeSet::new());
        }
        let known: Endpoints = understood(&accepted(answer)?, |json| serde_json::from_slice(json))?;
        Ok(known.services.unwrap_or_default().into_keys().collect())
    }
}

/// What `GET /networks/{id}?verbose=true` knows of services
/// (<https://docs.docker.com/reference/api/engine/version/v1.45/#tag/Network/operation/NetworkInspect>).
#[derive(Deserialize)]
struct Endpoints {
    #[serde(rename = "Services")]
    services: Option<BTreeMap<String, Value>>,
}

//! The swarm's events, of which only that there was one counts.

use std::collections::HashMap;
use std::time::Duration;

use bollard::query_parameters::EventsOptions;
use futures::StreamExt;
use job::{Failure, Result};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio_util::task::AbortOnDropHandle;

use crate::swarm::Swarm;

/// Before the events are asked for again.
const PAUSE: Duration = Duration::from_secs(2);

/// Events of services and nodes, from whichever manager answers.
pub(super) struct Events {
    arrived: Receiver<()>,
    _listening: AbortOnDropHandle<()>,
}

impl Events {
    pub(super) fn of(swarm: Swarm) -> Self {
        let (tell, arrived) = mpsc::channel(1);
        let listening = tokio::spawn(async move {
            loop {
                if let Err(failure) = listen(&swarm, &tell).await {
                    tracing::debug!(%failure, "no events");
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
        Self { arrived, _listening: AbortOnDropHandle::new(listening) }
    }

    /// Waits for the next one. Those that came meanwhile are one.
    pub(super) async fn next(&mut self) {
        self.arrived.recv().await;
    }
}

async fn listen(swarm: &Swarm, tell: &Sender<()>) -> Result<()> {
    let docker = swarm.manager()?.docker()?;
    let kinds = vec!["service".to_owned(), "node".to_owned()];
    let filters = Some(HashMap::from([("type".to_owned(), kinds)]));
    let mut events = docker.events(Some(EventsOptions { filters, ..EventsOptions::default() }));
    while let Some(event) = events.next().await {
        event.map_err(|error| Failure::system("the events broke off").caused_by(error))?;
        let _ = tell.try_send(());
    }
    Ok(())
}

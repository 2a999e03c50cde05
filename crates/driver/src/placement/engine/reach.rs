//! The way to the agent in a container: by an attach to the container's first process, after a cut
//! by an exec of its bridge. What is built on it doesn't notice cuts.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use agent::link::{self, Terms, Way};
use agent::{AgentError, DockerConnections, Duplex, Session};
use docker::Engine;
use futures::future::BoxFuture;

use super::record::Container;
use crate::state::{JobDirectory, already_gone_is_success};

type Carrier = BoxFuture<'static, io::Result<Box<dyn Duplex>>>;

/// The way to one container's agent.
pub(crate) struct Reach {
    engine: Engine,
    container: Container,
    stdio: Stdio,
}

impl Reach {
    /// The way to the agent in `container`, which is one of the job in `directory`.
    pub(crate) fn new(engine: &Engine, container: &Container, directory: &JobDirectory) -> Self {
        let stdio = Stdio::of(container, directory);
        Self { engine: engine.clone(), container: container.clone(), stdio }
    }

    /// A session with the agent. For as long as `patience` a lost connection is made anew.
    ///
    /// Nothing is waited for: failures come out of the session.
    pub(crate) fn session(
        &self,
        patience: Duration,
    ) -> Result<(Session, DockerConnections), AgentError> {
        let terms = Terms { patience, ..Terms::default() };
        let (first, key) = (self.stdio.first_way(), self.container.key);
        Ok(Session::over(link::connect(key, terms, first, self.carriers())?))
    }

    /// The session has ended in order, so that the next may go the same way.
    pub(crate) fn ended_in_order(&self) {
        self.stdio.hand_on();
    }

    fn carriers(&self) -> impl FnMut(Way) -> Carrier + Send + 'static {
        let (engine, container) = (self.engine.clone(), self.container.clone());
        let bridged = Arc::clone(&self.stdio.bridged);
        move |way| {
            let (engine, container) = (engine.clone(), container.clone());
            bridged.fetch_or(way == Way::Bridge, Ordering::Relaxed);
            Box::pin(async move {
                let carrier: Box<dyn Duplex> = match way {
                    Way::Attach => Box::new(engine.attach(&container.id).await?),
                    Way::Bridge => {
                        let words: Vec<_> = container.bridge.iter().map(String::as_str).collect();
                        Box::new(engine.exec(&container.id, &words).await?)
                    }
                };
                Ok(carrier)
            })
        }
    }
}

/// The stdin and stdout of a container's first process. They carry one session after the other
/// until the first that does not end in order: see [`agent::link`].
///
/// A file in the job's directory says that they are in use, or that whoever used them was cut off or
/// killed. Who finds it goes by the bridge at once, rather than to wait seconds for an answer.
struct Stdio {
    in_use: PathBuf,
    /// This session has gone another way since.
    bridged: Arc<AtomicBool>,
}

impl Stdio {
    fn of(container: &Container, directory: &JobDirectory) -> Self {
        Self { in_use: directory.attached(&container.id), bridged: Arc::default() }
    }

    fn first_way(&self) -> Way {
        match std::fs::File::create_new(&self.in_use) {
            Ok(_) => Way::Attach,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Way::Bridge,
            Err(error) => {
                tracing::warn!(%error, path = %self.in_use.display(), "cannot note an attach");
                Way::Attach
            }
        }
    }

    fn hand_on(&self) {
        if !self.bridged.load(Ordering::Relaxed)
            && let Err(error) = already_gone_is_success(std::fs::remove_file(&self.in_use))
        {
            tracing::warn!(%error, path = %self.in_use.display(), "cannot note an attach's end");
        }
    }
}

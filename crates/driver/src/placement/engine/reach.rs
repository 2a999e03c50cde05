//! The way to the agent in a container: by an attach to the container's first process, after a cut
//! by an exec of its bridge. What is built on it doesn't notice cuts.

use std::io;
use std::time::Duration;

use agent::link::{self, Terms, Way};
use agent::{AgentError, DockerConnections, Duplex, Session};
use docker::Engine;
use futures::future::BoxFuture;

use super::record::Container;

type Carrier = BoxFuture<'static, io::Result<Box<dyn Duplex>>>;

/// A session with the agent in `container`. For as long as `patience` a lost connection is made
/// anew.
///
/// Nothing is waited for: failures come out of the session.
pub(crate) fn session(
    engine: &Engine,
    container: &Container,
    patience: Duration,
) -> Result<(Session, DockerConnections), AgentError> {
    let terms = Terms { patience, ..Terms::default() };
    let carriers = carriers(engine.clone(), container.clone());
    Ok(Session::over(link::connect(container.key, terms, Way::Attach, carriers)?))
}

fn carriers(engine: Engine, container: Container) -> impl FnMut(Way) -> Carrier + Send + 'static {
    move |way| {
        let (engine, container) = (engine.clone(), container.clone());
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

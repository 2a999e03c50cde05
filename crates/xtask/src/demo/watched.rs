//! What the engines were asked for while the demo ran.

use job::{Failure, Result};
use testkit::nodes::{Container, ContainerWatch, Node, SwarmHandle};

use crate::say;

/// The article's job has no other service than this.
const DOCKER_IN_DOCKER: &str = "service";

/// Every engine of the swarm, watched from here on.
pub(super) struct Watched(Vec<(String, ContainerWatch)>);

impl Watched {
    pub(super) fn begin(swarm: &SwarmHandle) -> Result<Self> {
        let watch = |node: &Node| Ok((node.name.clone(), node.watch_containers()?));
        swarm.nodes().iter().map(watch).collect::<Result<_>>().map(Self)
    }

    /// Tells each container, and fails if one was privileged or a docker-in-docker.
    pub(super) async fn tell(&self) -> Result<()> {
        let mut unwanted = Vec::new();
        for (engine, watch) in &self.0 {
            for container in watch.containers().await? {
                let role = role(&container);
                say(&format!("     {engine:8}  {role:10}  {}", container.name));
                if container.privileged || role == DOCKER_IN_DOCKER {
                    unwanted.push(container.name);
                }
            }
        }
        if unwanted.is_empty() {
            say("none of them was privileged, and none a docker-in-docker");
            return Ok(());
        }
        let unwanted = unwanted.join(", ");
        Err(Failure::system(format!("privileged or docker-in-docker: {unwanted}")))
    }
}

/// What a container is for.
fn role(container: &Container) -> &str {
    container.labels.get("swarm-executor.role").map_or("deployed", String::as_str)
}

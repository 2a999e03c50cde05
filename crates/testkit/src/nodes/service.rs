//! Asking a deployed service, task by task.
//!
//! Virtual IPs and the ingress network need IPVS, which not every kernel has. So each task is asked
//! directly, from the node it runs on, at its address on that node's own bridge.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use futures::future::try_join_all;
use job::{Failure, Result};
use serde::Deserialize;

use super::handle::SwarmHandle;
use super::node::Node;
use crate::program;

/// The bridge that connects containers on overlay networks to their own node
/// (<https://docs.docker.com/engine/swarm/networking/>).
const GATEWAY_BRIDGE: &str = "docker_gwbridge";

/// What a task is called on [`GATEWAY_BRIDGE`], and its address on the default bridge if it has no
/// overlay network.
const TASK: &str = "gateway_{{slice .NetworkSettings.SandboxID 0 12}} \
    {{with index .NetworkSettings.Networks \"bridge\"}}{{.IPAddress}}{{end}}";

const REQUEST: &str =
    r#"exec 3<>"/dev/tcp/$1/$2" && printf 'GET / HTTP/1.0\r\n\r\n' >&3 && cat <&3"#;

/// One endpoint on a network, as `docker network inspect` tells it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint {
    name: String,
    #[serde(rename = "IPv4Address")]
    address: String,
}

impl SwarmHandle {
    /// Sends `GET /` to this port of every running task of the service; the bodies, in the order
    /// of the nodes.
    ///
    /// # Errors
    ///
    /// A task does not answer.
    pub async fn ask(&self, service: &str, port: u16) -> Result<Vec<String>> {
        let answers = self.nodes().iter().map(|node| node.ask(service, port));
        Ok(try_join_all(answers).await?.concat())
    }
}

impl Node {
    /// Sends `GET /` to this port of every task of the service that runs on this node; the bodies.
    ///
    /// # Errors
    ///
    /// A task does not answer.
    pub async fn ask(&self, service: &str, port: u16) -> Result<Vec<String>> {
        let addresses = self.task_addresses(service).await?;
        try_join_all(addresses.into_iter().map(|address| self.request(address, port))).await
    }

    /// The addresses, on this node's own bridges, of the service's tasks that run on this node.
    ///
    /// # Errors
    ///
    /// The engine can't be asked.
    pub async fn task_addresses(&self, service: &str) -> Result<Vec<Ipv4Addr>> {
        let filter = format!("label=com.docker.swarm.service.name={service}");
        let listed = self.docker(&["ps", "--quiet", "--filter", &filter]).await?;
        if listed.is_empty() {
            return Ok(Vec::new());
        }
        let mut inspect = vec!["inspect", "--format", TASK];
        inspect.extend(listed.lines());
        let tasks = self.docker(&inspect).await?;
        let endpoints = self.gateway_endpoints().await?;
        Ok(tasks.lines().filter_map(|task| address(task, &endpoints)).collect())
    }

    /// Asks with bash, which every Debian has: its static busybox crashes in getaddrinfo wherever
    /// the machine's name service modules are of another make.
    async fn request(&self, address: Ipv4Addr, port: u16) -> Result<String> {
        let mut bash = self.command("timeout")?;
        bash.args(["5", "bash", "-c", REQUEST, "bash", &address.to_string(), &port.to_string()]);
        let answer = program::run(bash).await?;
        match answer.split_once("\r\n\r\n") {
            Some((head, body)) if head.contains(" 200 ") => Ok(body.to_owned()),
            _ => Err(Failure::system(format!("{address}:{port} answers {answer:?}"))),
        }
    }

    async fn gateway_endpoints(&self) -> Result<Vec<Endpoint>> {
        let format = "{{json .Containers}}";
        let text = self.docker(&["network", "inspect", "--format", format, GATEWAY_BRIDGE]).await?;
        let endpoints: BTreeMap<String, Endpoint> =
            serde_json::from_str(&text).map_err(|error| {
                Failure::system(format!("cannot read {GATEWAY_BRIDGE} of {}", self.name))
                    .caused_by(error)
            })?;
        Ok(endpoints.into_values().collect())
    }
}

/// Where a task, as [`TASK`] shows it, is reached from its node.
fn address(task: &str, endpoints: &[Endpoint]) -> Option<Ipv4Addr> {
    let (name, own) = task.split_once(' ')?;
    let on_gateway = endpoints.iter().find(|endpoint| endpoint.name == name);
    let address = on_gateway.map_or(own, |endpoint| &endpoint.address);
    address.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_reached_on_the_gateway_bridge_or_on_its_own() {
        let endpoint = Endpoint { name: "gateway_abc".into(), address: "172.18.0.3/16".into() };
        let found = |task| address(task, std::slice::from_ref(&endpoint));
        assert_eq!(found("gateway_abc "), Some(Ipv4Addr::new(172, 18, 0, 3)));
        assert_eq!(found("gateway_def 172.17.0.2"), Some(Ipv4Addr::new(172, 17, 0, 2)));
        assert_eq!(found("gateway_def "), None);
    }
}

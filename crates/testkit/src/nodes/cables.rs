//! The network of a lab: one switch, a cable to the runner machine, a cable to each node.
//!
//! The switch is a bridge in a network namespace of its own, so neither the machine's firewall nor
//! the one that Docker sets up there ever sees what passes between the nodes, and when the lab's
//! processes end the kernel unplugs everything.

use std::net::Ipv4Addr;

use job::Result;
use tokio::process::Command;

use super::node::Node;
use super::process::Process;
use super::site::Site;
use crate::program;

/// Makes the switch and connects the runner machine to it.
pub(super) async fn lay(site: Site) -> Result<()> {
    let (link, lab) = (site.link(), site.process.number());
    let (runner, switch) = (site.runner(), site.switch());
    // Nobody has this address, so whatever is sent there is lost without a word.
    let (silent, nobody) = (site.silent(), link_address(site.silent()));
    let cable = format!(
        "link add {link} type veth peer name runner netns {lab}\n\
         addr add {runner}/24 dev {link}\n\
         link set {link} up\n\
         neigh add {silent} lladdr {nobody} dev {link} nud permanent\n"
    );
    ip(Command::new("ip"), &cable).await?;
    let bridge = format!(
        "link add switch type bridge\n\
         addr add {switch}/24 dev switch\n\
         link set switch up\n\
         link set runner master switch up\n"
    );
    ip(inside(site.process, "ip"), &bridge).await
}

/// Connects a node, whose first process this is, to the switch.
pub(super) async fn connect(site: Site, node: &Node, process: Process) -> Result<()> {
    let (name, number, address) = (&node.name, process.number(), node.ip);
    // The same after a restart: nobody's ARP cache sends to what the node was before.
    let own = link_address(address);
    // The kernel takes its time to remove the cable of a node that was killed.
    let _ = ip(inside(site.process, "ip"), &format!("link delete {name}\n")).await;
    let cable = format!(
        "link add {name} type veth peer name eth0 address {own} netns {number}\n\
         link set {name} master switch up\n"
    );
    ip(inside(site.process, "ip"), &cable).await?;
    let alias = site.alias(address);
    let eth0 = format!(
        "link set lo up\n\
         addr add {address}/24 dev eth0\n\
         addr add {alias}/24 dev eth0\n\
         link set eth0 up\n"
    );
    ip(inside(process, "ip"), &eth0).await
}

/// Cuts a node's cable, or mends it.
pub(super) async fn set(site: Site, node: &Node, up: bool) -> Result<()> {
    let state = if up { "up" } else { "down" };
    ip(inside(site.process, "ip"), &format!("link set {} {state}\n", node.name)).await
}

/// A command that runs in the network namespace of a process.
pub(super) fn inside(process: Process, program: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net={}", process.network())).arg("--").arg(program);
    command
}

/// The link-layer address of whoever has this IP address.
fn link_address(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("02:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

async fn ip(mut command: Command, batch: &str) -> Result<()> {
    command.args(["-batch", "-"]);
    program::run_with_input(command, batch.as_bytes()).await.map(drop)
}

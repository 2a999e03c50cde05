//! Which nodes a specification admits, by its placement constraints.
//!
//! Read as the managers read them
//! (<https://github.com/moby/swarmkit/blob/v2.1.1/manager/constraint/constraint.go>): names of keys and
//! values whatever their case, names of labels to the letter, a label that isn't there as an empty
//! one. What the managers would have refused excludes nobody. Resources and platforms are the
//! scheduler's matter, which says itself what was missing.

use std::net::IpAddr;

use crate::snapshot::{Node, Spec};

/// Whether a node meets all constraints of a specification.
pub fn admits(spec: &Spec, node: &Node) -> bool {
    unmet(spec, node).is_none()
}

/// The first constraint that a node doesn't meet.
pub fn unmet<'spec>(spec: &'spec Spec, node: &Node) -> Option<&'spec str> {
    spec.constraints.iter().map(String::as_str).find(|constraint| !is_met(constraint, node))
}

/// Whether a node meets a constraint.
pub fn is_met(constraint: &str, node: &Node) -> bool {
    let Some((key, equal, value)) = parse(constraint) else { return true };
    let lower = key.to_ascii_lowercase();
    let same = |actual: &str| actual.eq_ignore_ascii_case(value) == equal;
    match lower.as_str() {
        "node.id" => same(&node.id),
        "node.hostname" => same(&node.name),
        "node.ip" => is_within(node.address, value).is_some_and(|within| within == equal),
        "node.role" => same(if node.manager { "manager" } else { "worker" }),
        "node.platform.os" => same(&node.platform.os),
        "node.platform.arch" => same(&node.platform.architecture),
        _ => {
            let label = |prefix: &str| lower.starts_with(prefix).then(|| &key[prefix.len()..]);
            match (label("node.labels."), label("engine.labels.")) {
                (Some(name), _) => same(node.labels.get(name).map_or("", String::as_str)),
                (_, Some(name)) => same(node.engine_labels.get(name).map_or("", String::as_str)),
                (None, None) => false,
            }
        }
    }
}

/// Key, whether it shall be equal, value.
fn parse(constraint: &str) -> Option<(&str, bool, &str)> {
    let split = |operator| constraint.split_once(operator);
    let (equal, (key, value)) = match (split("=="), split("!=")) {
        (Some(parts), _) => (true, parts),
        (None, Some(parts)) => (false, parts),
        (None, None) => return None,
    };
    Some((key.trim(), equal, value.trim()))
}

/// Whether an address is this one, or of this network; none if the latter is neither.
fn is_within(address: Option<IpAddr>, wanted: &str) -> Option<bool> {
    if let Ok(wanted) = wanted.parse::<IpAddr>() {
        return Some(address == Some(wanted));
    }
    let (network, length) = wanted.split_once('/')?;
    let (network, length) = (network.parse::<IpAddr>().ok()?, length.parse::<u32>().ok()?);
    let all: u32 = if network.is_ipv4() { 32 } else { 128 };
    let rest = all.checked_sub(length).filter(|rest| *rest <= all)?;
    let prefix = |address: IpAddr| bits(address).checked_shr(rest).unwrap_or(0);
    Some(address.is_some_and(|address| {
        address.is_ipv4() == network.is_ipv4() && prefix(address) == prefix(network)
    }))
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::snapshot::{Availability, Platform};

    fn node() -> Node {
        Node {
            id: "n1".into(),
            name: "Worker1".into(),
            ready: true,
            availability: Availability::Active,
            manager: false,
            address: Some([10, 1, 2, 3].into()),
            platform: Platform { os: "linux".into(), architecture: "x86_64".into() },
            labels: BTreeMap::from([("zone".into(), "A".into())]),
            engine_labels: BTreeMap::from([("disk".into(), "ssd".into())]),
        }
    }

    #[test]
    fn constraints_are_read_as_the_managers_read_them() {
        for (constraint, met) in [
            ("node.id==n1", true),
            ("node.id != n1", false),
            ("Node.Hostname == worker1", true),
            ("node.role==worker", true),
            ("node.role == manager", false),
            ("node.platform.os==Linux", true),
            ("node.platform.arch != x86_64", false),
            ("node.labels.zone==a", true),
            ("node.labels.Zone==a", false),
            ("node.labels.ghost != a", true),
            ("node.labels.ghost == a", false),
            ("engine.labels.disk == ssd", true),
            ("node.ip == 10.1.2.3", true),
            ("node.ip == 10.1.0.0/16", true),
            ("node.ip != 10.1.0.0/16", false),
            ("node.ip == 10.2.0.0/16", false),
            ("node.ip == 0.0.0.0/0", true),
            ("node.ip == fd00::/8", false),
            ("node.ip == 10.1.0.0/40", false),
            ("node.ip != nonsense", false),
            ("node.colour == red", false),
            ("no operator", true),
        ] {
            assert_eq!(is_met(constraint, &node()), met, "{constraint}");
        }
    }
}

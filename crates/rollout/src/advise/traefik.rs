//! Labels for Traefik, the reverse proxy that reads its routes from the swarm's services
//! (<https://doc.traefik.io/traefik/reference/routing-configuration/other-providers/swarm/>).

use std::collections::BTreeMap;

use super::lines::{in_service, labels as items};
use super::{Facts, Words};

type Labels = BTreeMap<String, String>;

/// Of the provider for single engines; the swarm's provider still reads them.
const DOCKER: &str = "traefik.docker.";
/// Of the provider for swarms, since Traefik 3.
const SWARM: &str = "traefik.swarm.";
const LBSWARM: &str = "lbswarm";

/// Whether Traefik is to send requests to the service. Label names are Traefik's in any case.
pub(super) fn is_routed(labels: &Labels) -> bool {
    let enabled = value(labels, "traefik.enable");
    let routed = ["traefik.http.", "traefik.tcp.", "traefik.udp."];
    let is_route =
        |label: &String| routed.iter().any(|route| label.to_ascii_lowercase().starts_with(route));
    enabled.map_or_else(|| labels.keys().any(is_route), is_true)
}

/// The port that Traefik is to send requests to.
pub(super) fn server_port(labels: &Labels) -> Option<u16> {
    let port = |(label, value): (&String, &String)| {
        let label = label.to_ascii_lowercase();
        let is_port = label.starts_with("traefik.http.services.")
            && label.ends_with(".loadbalancer.server.port");
        is_port.then(|| value.parse().ok())?
    };
    labels.iter().find_map(port)
}

fn value<'l>(labels: &'l Labels, name: &str) -> Option<&'l str> {
    let found = labels.iter().find(|(label, _)| label.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// As Go reads booleans (<https://pkg.go.dev/strconv#ParseBool>).
fn is_true(value: &str) -> bool {
    matches!(value, "1" | "t" | "T" | "TRUE" | "true" | "True")
}

fn has_lbswarm(labels: &Labels) -> bool {
    [DOCKER, SWARM]
        .iter()
        .any(|prefix| value(labels, &format!("{prefix}{LBSWARM}")).is_some_and(is_true))
}

/// Those labels of a provider, in their order.
fn of<'l>(labels: &'l Labels, prefix: &str) -> Vec<(&'l str, &'l str)> {
    let rest = |(label, value): (&'l String, &'l String)| {
        let (start, rest) = label.split_at_checked(prefix.len())?;
        start.eq_ignore_ascii_case(prefix).then_some((rest, value.as_str()))
    };
    labels.iter().filter_map(rest).collect()
}

fn by_dns(facts: &Facts<'_>) -> bool {
    facts.spec.endpoint_mode.as_deref() == Some("dnsrr")
}

/// Without it Traefik asks the swarm for its tasks from time to time, and sends requests to those
/// of the last time.
pub(super) fn lbswarm(facts: &Facts<'_>) -> Option<Words> {
    let labels = &facts.spec.labels;
    if !facts.serves() || !is_routed(labels) || has_lbswarm(labels) {
        return None;
    }
    let reason = "Traefik looks for the service's tasks every 15s only and sends requests to the \
                  ones that it knew last, whether they still run or not. With lbswarm it sends \
                  them to the swarm's own load balancer, which knows at once. (Traefik 2 calls the \
                  label traefik.docker.lbswarm.)";
    // Labels of both providers side by side would be worse than none.
    let prefix = if of(labels, DOCKER).is_empty() { SWARM } else { DOCKER };
    let mut lines = vec!["labels:".to_owned()];
    let item = items([(format!("{prefix}{LBSWARM}"), "true")]);
    lines.extend(item.iter().map(|item| format!("  {item}")));
    if by_dns(facts) {
        lines.push("endpoint_mode: vip".to_owned());
    }
    Some(Words { reason: reason.to_owned(), lines: in_service(facts.spec, &["deploy"], &lines) })
}

/// Traefik 3 takes a service with both for a mistake
/// (<https://github.com/traefik/traefik/blob/v3.5.0/pkg/provider/docker/shared_labels.go>).
pub(super) fn prefix(facts: &Facts<'_>) -> Option<Words> {
    let labels = &facts.spec.labels;
    let old = of(labels, DOCKER);
    if facts.is_job() || old.is_empty() || of(labels, SWARM).is_empty() {
        return None;
    }
    let reason = "it has labels of both of Traefik's providers, traefik.docker.* and \
                  traefik.swarm.*: Traefik 3 then leaves the service out, and all its requests \
                  fail. Of the former nothing may be left.";
    let renamed = old.into_iter().map(|(rest, value)| (format!("{SWARM}{rest}"), value));
    let lines = in_service(facts.spec, &["deploy", "labels"], &items(renamed));
    Some(Words { reason: reason.to_owned(), lines })
}

/// The load balancer that lbswarm means is behind the virtual address.
pub(super) fn vip(facts: &Facts<'_>) -> Option<Words> {
    let labels = &facts.spec.labels;
    if facts.is_job() || !has_lbswarm(labels) || !by_dns(facts) {
        return None;
    }
    let reason = "lbswarm has Traefik send requests to the service's virtual address, and with \
                  endpoint_mode: dnsrr it has none.";
    let lines = ["endpoint_mode: vip".to_owned()];
    Some(Words { reason: reason.to_owned(), lines: in_service(facts.spec, &["deploy"], &lines) })
}

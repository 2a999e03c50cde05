//! How tasks are replaced, in updates and in rollbacks.

use super::lines::{duration, in_service};
use super::{Facts, Words};
use crate::snapshot::{FailureAction, Mode, Order, PublishMode, UpdateConfig};

/// Where these settings are in a stack file.
const UPDATE: [&str; 2] = ["deploy", "update_config"];
const ROLLBACK: [&str; 2] = ["deploy", "rollback_config"];

impl Facts<'_> {
    /// How many tasks an update replaces at once; one without a configuration
    /// (<https://github.com/moby/swarmkit/blob/v2.1.1/api/defaults/service.go>).
    fn at_once(&self) -> u64 {
        self.spec.update.as_ref().map_or(1, |update| update.parallelism)
    }

    /// The tasks of a replicated service.
    fn replicas(&self) -> Option<u64> {
        match self.spec.mode {
            Mode::Replicated { replicas } => Some(replicas),
            _ => None,
        }
    }

    fn takes_host_ports(&self) -> bool {
        let is_taken =
            |mode, published: Option<u16>| mode == PublishMode::Host && published.is_some();
        self.spec.ports.iter().any(|port| is_taken(port.mode, port.published))
    }

    /// Whether the limit of tasks on each node leaves no place for new tasks beside the old ones,
    /// or may leave none where nobody knows the nodes.
    fn is_tight(&self) -> bool {
        let Some((places, needed)) = self.places() else { return false };
        self.nodes.is_none_or(|nodes| nodes.saturating_mul(places) < needed)
    }

    /// How many tasks a node takes, and how many there are while an update goes on.
    fn places(&self) -> Option<(u64, u64)> {
        let (limit, replicas) = (self.spec.max_replicas_per_node?, self.replicas()?);
        let more = match self.at_once() {
            0 => replicas,
            count => count.min(replicas),
        };
        Some((limit, replicas.saturating_add(more)))
    }

    /// Whether two tasks side by side would write the same files.
    fn keeps_data(&self) -> bool {
        let mounts = &self.spec.whole["TaskTemplate"]["ContainerSpec"]["Mounts"];
        mounts.as_array().into_iter().flatten().any(|mount| {
            let kind = mount["Type"].as_str().unwrap_or_default();
            matches!(kind, "bind" | "volume" | "cluster") && mount["ReadOnly"] != true
        })
    }

    /// Whether a new task can run beside the old one.
    fn can_start_first(&self) -> bool {
        !self.takes_host_ports() && !self.is_tight() && !self.keeps_data()
    }

    /// Which configurations have `start-first`, by their keys in a stack file.
    fn starts_first(&self) -> Vec<[&'static str; 2]> {
        let is_in = |config: &Option<UpdateConfig>| order(config.as_ref()) == Order::StartFirst;
        [(&self.spec.update, UPDATE), (&self.spec.rollback, ROLLBACK)]
            .into_iter()
            .filter_map(|(config, keys)| is_in(config).then_some(keys))
            .collect()
    }
}

fn order(config: Option<&UpdateConfig>) -> Order {
    config.map(|config| config.order).unwrap_or_default()
}

/// The default leaves a gap.
pub(super) fn start_first(facts: &Facts<'_>) -> Option<Words> {
    let stops_first = order(facts.spec.update.as_ref()) == Order::StopFirst;
    if !facts.serves() || !stops_first || !facts.can_start_first() {
        return None;
    }
    let gap = match (facts.replicas(), facts.at_once()) {
        (Some(1), _) => "there is only one, so nothing answers in between".to_owned(),
        (Some(all), 0) => format!("all {all} do so at once, so nothing answers in between"),
        (Some(all), count) => {
            format!("each step leaves {} of {all} to answer", all.saturating_sub(count))
        }
        (None, _) => "on its node nothing answers in between".to_owned(),
    };
    let reason = format!(
        "an update ends each old task before its successor starts (order: stop-first{}): {gap}, \
         and requests under way to the old one are lost.",
        if facts.spec.update.is_some() { "" } else { ", the default" },
    );
    let lines = ["order: start-first".to_owned()];
    Some(Words { reason, lines: in_service(facts.spec, &UPDATE, &lines) })
}

/// A port of a node can be taken once (<https://github.com/moby/moby/issues/36934>).
pub(super) fn host_ports(facts: &Facts<'_>) -> Option<Words> {
    let sections = facts.starts_first();
    if facts.is_job() || !facts.takes_host_ports() || sections.is_empty() {
        return None;
    }
    let ports: Vec<_> = facts
        .spec
        .ports
        .iter()
        .filter(|port| port.mode == PublishMode::Host)
        .filter_map(|port| port.published)
        .map(|port| port.to_string())
        .collect();
    let reason = format!(
        "a new task can't start on a node where the old one still has the host's port {}, so with \
         order: start-first an update waits for a node that is free, for ever if there is none. \
         Either the old task ends first, or the port is published in mode ingress.",
        ports.join(", "),
    );
    Some(Words { reason, lines: stop_first(facts, &sections) })
}

/// (<https://github.com/moby/moby/issues/40797>)
pub(super) fn max_replicas(facts: &Facts<'_>) -> Option<Words> {
    let (limit, needed) = facts.places()?;
    let sections = facts.starts_first();
    if !facts.is_tight() || sections.is_empty() {
        return None;
    }
    let nodes = match facts.nodes {
        Some(nodes) => format!("there are {nodes}"),
        None => "with fewer it never gets on".to_owned(),
    };
    let reason = format!(
        "with order: start-first an update has up to {needed} tasks at a time, and with \
         max_replicas_per_node: {limit} they need {} nodes; {nodes}.",
        needed.div_ceil(limit),
    );
    Some(Words { reason, lines: stop_first(facts, &sections) })
}

fn stop_first(facts: &Facts<'_>, sections: &[[&str; 2]]) -> String {
    let lines: Vec<_> = sections
        .iter()
        .flat_map(|[_, section]| [format!("{section}:"), "  order: stop-first".to_owned()])
        .collect();
    in_service(facts.spec, &["deploy"], &lines)
}

/// The default freezes half an update, and going on over failures ends with none that works.
pub(super) fn failure_action(facts: &Facts<'_>) -> Option<Words> {
    let action = facts.spec.update.as_ref().map(|update| update.failure_action).unwrap_or_default();
    let what = match action {
        FailureAction::Rollback => return None,
        FailureAction::Pause => {
            "stops where it is (failure_action: pause), with some tasks new, \
                                 some old and some broken, until somebody looks at it"
        }
        FailureAction::Continue => {
            "goes on (failure_action: continue), until the last task that \
                                    worked has been replaced"
        }
    };
    if !facts.serves() {
        return None;
    }
    let reason = format!(
        "an update whose tasks fail {what}. With rollback the swarm goes back to what ran before."
    );
    let lines = ["failure_action: rollback".to_owned()];
    Some(Words { reason, lines: in_service(facts.spec, &UPDATE, &lines) })
}

/// A rollback is an update too, with a configuration and defaults of its own.
pub(super) fn rollback(facts: &Facts<'_>) -> Option<Words> {
    let config = facts.spec.rollback.as_ref();
    let drops = order(config) == Order::StopFirst && facts.can_start_first();
    let turns = config.is_some_and(|config| config.failure_action == FailureAction::Rollback);
    if !facts.serves() || !(drops || turns) {
        return None;
    }
    let mut reason = Vec::new();
    let mut lines = Vec::new();
    if drops {
        let default = if config.is_some() { "" } else { ", the default" };
        reason.push(format!(
            "a rollback ends each task before its successor starts (order: stop-first{default}), so \
             that what was to save the service loses requests once more."
        ));
        lines.push("order: start-first".to_owned());
    }
    if turns {
        reason.push(
            "a rollback that fails has nothing to go back to: failure_action: rollback hides that \
             it failed."
                .to_owned(),
        );
        lines.push("failure_action: pause".to_owned());
    }
    Some(Words { reason: reason.join(" "), lines: in_service(facts.spec, &ROLLBACK, &lines) })
}

/// Failures below the ratio are no failures to the orchestrator.
pub(super) fn max_failure_ratio(facts: &Facts<'_>) -> Option<Words> {
    let ratio = facts.spec.update.as_ref().map_or(0.0, |update| update.max_failure_ratio);
    if !facts.serves() || ratio <= 0.0 {
        return None;
    }
    let reason = format!(
        "an update counts as good with {:.0}% of the tasks broken (max_failure_ratio), and requests \
         are sent to those as well.",
        ratio * 100.0,
    );
    let lines = ["max_failure_ratio: 0".to_owned()];
    Some(Words { reason, lines: in_service(facts.spec, &UPDATE, &lines) })
}

/// Zero means all.
pub(super) fn parallelism(facts: &Facts<'_>) -> Option<Words> {
    let all = match facts.replicas() {
        Some(0 | 1) => return None,
        Some(all) => format!("all {all} tasks"),
        None => "the tasks of all nodes".to_owned(),
    };
    if !facts.serves() || facts.at_once() > 0 {
        return None;
    }
    let reason = format!(
        "an update replaces {all} at once (parallelism: 0), so a new version that doesn't work \
         takes them all down before any failure can stop it."
    );
    let lines = ["parallelism: 1".to_owned()];
    Some(Words { reason, lines: in_service(facts.spec, &UPDATE, &lines) })
}

/// How long requests take nobody here knows, so whatever time is set is the author's choice.
pub(super) fn stop_grace_period(facts: &Facts<'_>) -> Option<Words> {
    let period = facts.spec.stop_grace_period;
    if !facts.serves() || period.is_some_and(|period| !period.is_zero()) {
        return None;
    }
    let when = match period {
        Some(period) => format!("{} after its stop signal (stop_grace_period)", duration(period)),
        None => "10s after its stop signal (the default of stop_grace_period)".to_owned(),
    };
    let reason = format!(
        "a task that ends is killed {when}: requests that take longer are cut off. It has to be \
         more than the longest request takes."
    );
    let lines = ["stop_grace_period: 30s".to_owned()];
    Some(Words { reason, lines: in_service(facts.spec, &[], &lines) })
}

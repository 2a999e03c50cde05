//! What in a service's specification will drop requests: rules with a reason and the lines to write.
//!
//! Pure: facts go in, advice comes out. A rule that can't apply says nothing, and neither does one
//! whose remedy would do harm: two tasks on one volume, two on one port of a node. What a service
//! is for can't be seen, only how it may be reached ([`Reach`]), and advice goes by that.
//!
//! Every rule is told to people in `docs/advice.md`.

mod health;
mod image;
mod lines;
mod mode;
mod rollout;
#[cfg(test)]
mod tests;
mod traefik;

use std::fmt;

use serde::Serialize;

pub use job::settings::AdviceRule as Rule;

use crate::snapshot::{Healthcheck, Mode, Spec};

/// What is known of a service that is about to change.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What is asked for.
    pub spec: &'a Spec,
    /// What is known of its image.
    pub image: Image<'a>,
    /// How the nodes are to log in to the image's registry.
    pub login: Login<'a>,
    /// How many nodes may be given its tasks, where somebody has looked.
    pub nodes: Option<u64>,
}

/// What is known of a service's image.
#[derive(Clone, Copy, Debug)]
pub enum Image<'a> {
    /// It could not be looked at.
    Unknown,
    /// It could; this is its own health check.
    Known(Option<&'a Healthcheck>),
}

/// How the nodes are to log in to the image's registry.
#[derive(Clone, Copy, Debug)]
pub enum Login<'a> {
    /// It can't be known. So it is with an update that brings no login: that leaves the one before
    /// in force.
    Unknown,
    /// Not at all: the service is created without a login.
    Absent,
    /// By a login that the request brought (`X-Registry-Auth`).
    Brought {
        /// Its user, where it names one.
        user: Option<&'a str>,
    },
}

/// One piece of advice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// The service's name.
    pub service: String,
    /// The rule's name, by which a profile silences it or makes it mandatory.
    pub rule: Rule,
    /// Why.
    pub reason: String,
    /// The lines to write in the stack file; where they belong elsewhere, their first line says so.
    pub lines: String,
}

/// What a rule that applies has to say.
struct Words {
    reason: String,
    lines: String,
}

/// How a service may be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// It isn't on any network.
    Nowhere,
    /// By the services on its networks.
    Networks,
    /// From outside, by a published port or a proxy.
    Outside,
}

impl<'a> Facts<'a> {
    /// Facts of a specification of which nothing else is known.
    pub fn of(spec: &'a Spec) -> Self {
        Self { spec, image: Image::Unknown, login: Login::Unknown, nodes: None }
    }

    fn reach(&self) -> Reach {
        if !self.spec.ports.is_empty() || traefik::is_routed(&self.spec.labels) {
            Reach::Outside
        } else if self.spec.networks.is_empty() {
            Reach::Nowhere
        } else {
            Reach::Networks
        }
    }

    /// Whether the service is there to answer requests, as far as can be seen: it runs for ever,
    /// and can be reached.
    fn serves(&self) -> bool {
        let runs = match self.spec.mode {
            Mode::Replicated { replicas } => replicas > 0,
            Mode::Global => true,
            Mode::ReplicatedJob { .. } | Mode::GlobalJob => false,
        };
        runs && self.reach() > Reach::Nowhere
    }

    fn is_job(&self) -> bool {
        matches!(self.spec.mode, Mode::ReplicatedJob { .. } | Mode::GlobalJob)
    }
}

/// All advice on a service, in the order of the rules. A service that runs no containers, such as
/// a plugin, gets none.
pub fn advise(facts: &Facts<'_>) -> Vec<Advice> {
    if facts.spec.image.is_empty() {
        return Vec::new();
    }
    let advice = |rule: &Rule| {
        let Words { reason, lines } = words(*rule, facts)?;
        Some(Advice { service: facts.spec.name.clone(), rule: *rule, reason, lines })
    };
    Rule::ALL.iter().filter_map(advice).collect()
}

fn words(rule: Rule, facts: &Facts<'_>) -> Option<Words> {
    match rule {
        Rule::Healthcheck => health::healthcheck(facts),
        Rule::StartPeriod => health::start_period(facts),
        Rule::StartFirst => rollout::start_first(facts),
        Rule::HostPorts => rollout::host_ports(facts),
        Rule::MaxReplicas => rollout::max_replicas(facts),
        Rule::FailureAction => rollout::failure_action(facts),
        Rule::Rollback => rollout::rollback(facts),
        Rule::Monitor => health::monitor(facts),
        Rule::MaxFailureRatio => rollout::max_failure_ratio(facts),
        Rule::Parallelism => rollout::parallelism(facts),
        Rule::StopGracePeriod => rollout::stop_grace_period(facts),
        Rule::TraefikLbswarm => traefik::lbswarm(facts),
        Rule::TraefikPrefix => traefik::prefix(facts),
        Rule::TraefikVip => traefik::vip(facts),
        Rule::OneShot => mode::one_shot(facts),
        Rule::ImageDigest => image::digest(facts),
        Rule::RegistryAuth => image::registry_auth(facts),
        Rule::JobToken => image::job_token(facts),
    }
}

/// As people are told, in the job log and in a refusal alike.
impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let service = if self.service.is_empty() { "the service" } else { &self.service };
        write!(f, "{service} ({}): {}\n{}", self.rule, self.reason, self.lines)
    }
}

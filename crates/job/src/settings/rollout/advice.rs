//! The names of the rules by which services are read for what will drop requests: a contract with
//! settings files, so none ever changes. What each rule says is known where services are.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;

/// A rule, by its name in settings, logs and reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdviceRule {
    /// A health check, in the specification or in the image.
    Healthcheck,
    /// A health check with `start_period`.
    StartPeriod,
    /// New tasks before old ones end.
    StartFirst,
    /// No `start-first` with ports of the nodes themselves.
    HostPorts,
    /// No `start-first` where the nodes have no place for one task more.
    MaxReplicas,
    /// Back to the previous specification after failures.
    FailureAction,
    /// Rollbacks that don't drop requests either, and that end.
    Rollback,
    /// Tasks watched for as long as their health check takes.
    Monitor,
    /// No task may fail.
    MaxFailureRatio,
    /// Not all tasks at once.
    Parallelism,
    /// Time for the requests that a task is at.
    StopGracePeriod,
    /// Traefik leaves it to the swarm where a request goes.
    TraefikLbswarm,
    /// Labels of one of Traefik's providers only.
    TraefikPrefix,
    /// A virtual address for Traefik to send requests to.
    TraefikVip,
    /// A job mode for what ends by itself.
    OneShot,
    /// The same image on all nodes.
    ImageDigest,
    /// A login for the nodes.
    RegistryAuth,
    /// A login that outlives the job.
    JobToken,
}

/// A text that names no rule.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("there is no such rule; {}", .0.map_or_else(all, did_you_mean))]
pub struct UnknownRule(Option<AdviceRule>);

impl AdviceRule {
    /// All rules, in the order in which advice is given.
    pub const ALL: [Self; 18] = [
        Self::Healthcheck,
        Self::StartPeriod,
        Self::StartFirst,
        Self::HostPorts,
        Self::MaxReplicas,
        Self::FailureAction,
        Self::Rollback,
        Self::Monitor,
        Self::MaxFailureRatio,
        Self::Parallelism,
        Self::StopGracePeriod,
        Self::TraefikLbswarm,
        Self::TraefikPrefix,
        Self::TraefikVip,
        Self::OneShot,
        Self::ImageDigest,
        Self::RegistryAuth,
        Self::JobToken,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Healthcheck => "healthcheck",
            Self::StartPeriod => "start-period",
            Self::StartFirst => "start-first",
            Self::HostPorts => "host-ports",
            Self::MaxReplicas => "max-replicas",
            Self::FailureAction => "failure-action",
            Self::Rollback => "rollback",
            Self::Monitor => "monitor",
            Self::MaxFailureRatio => "max-failure-ratio",
            Self::Parallelism => "parallelism",
            Self::StopGracePeriod => "stop-grace-period",
            Self::TraefikLbswarm => "traefik-lbswarm",
            Self::TraefikPrefix => "traefik-prefix",
            Self::TraefikVip => "traefik-vip",
            Self::OneShot => "one-shot",
            Self::ImageDigest => "image-digest",
            Self::RegistryAuth => "registry-auth",
            Self::JobToken => "job-token",
        }
    }
}

impl fmt::Display for AdviceRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for AdviceRule {
    type Err = UnknownRule;

    fn from_str(text: &str) -> Result<Self, UnknownRule> {
        let named = Self::ALL.into_iter().find(|rule| rule.name() == text);
        named.ok_or_else(|| UnknownRule(nearest(text)))
    }
}

/// The rule that `text` most likely means.
fn nearest(text: &str) -> Option<AdviceRule> {
    let likeness = |rule: AdviceRule| strsim::jaro_winkler(text, rule.name());
    let nearest = AdviceRule::ALL.into_iter().max_by(|a, b| likeness(*a).total_cmp(&likeness(*b)));
    nearest.filter(|rule| likeness(*rule) > 0.8)
}

fn did_you_mean(rule: AdviceRule) -> String {
    format!("did you mean \"{rule}\"?")
}

fn all() -> String {
    format!("known here: {}", AdviceRule::ALL.map(AdviceRule::name).join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_read_by_the_name_that_it_is_told_by() {
        for rule in AdviceRule::ALL {
            assert_eq!(rule.name().parse(), Ok(rule));
            assert_eq!(serde_json::to_value(rule).unwrap(), rule.name());
        }
    }

    #[test]
    fn what_is_no_rule_gets_the_nearest_or_all() {
        let error = |text: &str| text.parse::<AdviceRule>().unwrap_err().to_string();
        let words = "there is no such rule; did you mean \"healthcheck\"?";
        assert_eq!(error("health-check"), words);
        assert_eq!(error("Start_Period"), "there is no such rule; did you mean \"start-period\"?");
        let listed = error("?");
        assert!(listed.contains("known here: healthcheck, ") && listed.contains("job-token"));
    }
}

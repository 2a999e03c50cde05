//! Health checks: whether there is one, and whether the rollout waits for what it says.

use std::time::Duration;

use super::lines::{duration, in_service};
use super::{Facts, Image, Words, traefik};
use crate::snapshot::Healthcheck;

/// What is tested when a service leaves it to its image, and what an engine takes for figures that
/// neither sets (<https://docs.docker.com/reference/dockerfile/#healthcheck>).
struct Health {
    interval: Duration,
    timeout: Duration,
    start_period: Duration,
    retries: u32,
}

/// Whether there is a health check.
enum Check {
    /// There is one.
    Is(Health),
    /// There is none, by the service's own words.
    TurnedOff,
    /// There is none.
    IsNot,
    /// There is one if the image has one.
    Unknown,
}

impl Health {
    /// Longest time from the moment when a task falls ill until it is unhealthy.
    fn until_unhealthy(&self) -> Duration {
        self.interval.saturating_mul(self.retries).saturating_add(self.timeout)
    }
}

impl Facts<'_> {
    /// As the engine puts service and image together: field by field
    /// (`merge` in <https://github.com/moby/moby/blob/v28.5.2/daemon/commit.go>).
    fn check(&self) -> Check {
        let own = self.spec.healthcheck.as_ref();
        let images = match self.image {
            Image::Known(check) => check,
            Image::Unknown => None,
        };
        let test = |check: Option<&'_ Healthcheck>| {
            check.and_then(|check| check.test.first().cloned()).map(|kind| kind != "NONE")
        };
        match (test(own), test(images)) {
            (Some(false), _) => Check::TurnedOff,
            (None, None) if matches!(self.image, Image::Unknown) => Check::Unknown,
            (None, None | Some(false)) => Check::IsNot,
            (Some(true), _) | (None, Some(true)) => Check::Is(effective(own, images)),
        }
    }
}

fn effective(own: Option<&Healthcheck>, images: Option<&Healthcheck>) -> Health {
    let set = |field: fn(&Healthcheck) -> Option<Duration>| {
        own.and_then(field).or_else(|| images.and_then(field))
    };
    let retries = own.and_then(|own| own.retries).or_else(|| images.and_then(|own| own.retries));
    Health {
        interval: set(|check| check.interval).unwrap_or(Duration::from_secs(30)),
        timeout: set(|check| check.timeout).unwrap_or(Duration::from_secs(30)),
        start_period: set(|check| check.start_period).unwrap_or_default(),
        retries: retries.map_or(3, |retries| u32::try_from(retries).unwrap_or(u32::MAX)),
    }
}

/// A task without a health check gets requests as soon as its process has started.
pub(super) fn healthcheck(facts: &Facts<'_>) -> Option<Words> {
    if !facts.serves() {
        return None;
    }
    let what = match facts.check() {
        Check::Is(_) => return None,
        Check::TurnedOff => "its health check is turned off",
        Check::IsNot => "neither the service nor its image has a health check",
        Check::Unknown => {
            "the service has no health check, and whether its image has one can't be seen"
        }
    };
    let reason = format!(
        "{what}, so a new task is sent requests as soon as its process has started, whether it \
         listens yet or not, and an update goes on over tasks that don't work."
    );
    let test = match port(facts) {
        Some(port) => format!("http://localhost:{port}"),
        None => "http://localhost:80".to_owned(),
    };
    let lines = [
        format!("test: \"wget --quiet --tries=1 --spider {test} || exit 1\""),
        "interval: 10s".to_owned(),
        "timeout: 3s".to_owned(),
        "retries: 3".to_owned(),
        "start_period: 30s".to_owned(),
    ];
    Some(Words { reason, lines: in_service(facts.spec, &["healthcheck"], &lines) })
}

/// Where the service listens, as far as it says so itself.
fn port(facts: &Facts<'_>) -> Option<u16> {
    let published = facts.spec.ports.first().map(|port| port.target);
    traefik::server_port(&facts.spec.labels).or(published)
}

/// Without it, failures count from the first probe on, which comes an interval after the start
/// (<https://github.com/moby/moby/blob/v28.5.2/daemon/health.go>).
pub(super) fn start_period(facts: &Facts<'_>) -> Option<Words> {
    let Check::Is(health) = facts.check() else { return None };
    if !facts.serves() || !health.start_period.is_zero() {
        return None;
    }
    let reason = format!(
        "its health check has no start_period: the first probe comes {} after the start, so no \
         task is taken for healthy before that, and one that needs more than about {} to start is \
         killed. Within a start_period failures don't count, and engines from 25.0 on probe every \
         5s.",
        duration(health.interval),
        duration(health.until_unhealthy()),
    );
    let lines = ["start_period: 30s".to_owned()];
    Some(Words { reason, lines: in_service(facts.spec, &["healthcheck"], &lines) })
}

/// Failures after that time are nobody's fault any more.
pub(super) fn monitor(facts: &Facts<'_>) -> Option<Words> {
    let Check::Is(health) = facts.check() else { return None };
    let (monitor, needed) = (facts.spec.monitor(), health.until_unhealthy());
    if !facts.serves() || monitor >= needed {
        return None;
    }
    let reason = format!(
        "an update watches each new task for {} after it runs (monitor), but its health check takes \
         up to {} to find it unhealthy ({} times {}, and {} for the last probe): a task that fails \
         in between fails unnoticed, and the update goes on to the next.",
        duration(monitor),
        duration(needed),
        health.retries,
        duration(health.interval),
        duration(health.timeout),
    );
    let lines = [format!("monitor: {}", duration(needed))];
    Some(Words { reason, lines: in_service(facts.spec, &["deploy", "update_config"], &lines) })
}

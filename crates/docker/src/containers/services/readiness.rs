//! When a service counts as ready.
//!
//! Its HEALTHCHECK knows best; without one, any port that it exposes and that answers will do, as in
//! GitLab's docker executor
//! (<https://docs.gitlab.com/runner/executors/docker/#how-gitlab-runner-performs-the-services-health-check>).

use bollard::models::ImageConfig;

use super::{Health, State};
use crate::images::BroughtImage;

/// The variable by which a job says which port to ask.
const PORT_VARIABLE: &str = "HEALTHCHECK_TCP_PORT";

/// How many of the exposed ports are asked at most: the lowest.
const MOST_PORTS: usize = 20;

/// What shows that a service is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Its HEALTHCHECK.
    Health,
    /// An answer at any of these ports, which are in ascending order.
    Ports(Vec<u16>),
    /// Nothing but that it goes on running.
    Nothing,
}

/// Whether a service is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Ready,
    /// Not yet; the words say what is waited for.
    NotYet(&'static str),
    /// It never will be; the words say why.
    Never(String),
}

impl Readiness {
    /// That of a service of this image with these variables of its own.
    pub fn of(image: &BroughtImage, variables: &[(String, String)]) -> Self {
        let config = image.inspect.config.clone().unwrap_or_default();
        if has_health_check(&config) {
            return Self::Health;
        }
        let asked = asked_port(&config, variables);
        let ports = asked.map_or_else(|| exposed_ports(&config), |port| vec![port]);
        if ports.is_empty() { Self::Nothing } else { Self::Ports(ports) }
    }

    /// What a running service still lacks. One that is unhealthy is waited for too: not every image
    /// knows how long it takes to start.
    fn missing(&self, health: Health, answers: bool) -> Option<&'static str> {
        match (self, health) {
            (Self::Health, Health::Healthy) => None,
            (Self::Nothing, _) => (!answers).then_some("it has only just started"),
            (Self::Health, Health::Unhealthy) => Some("its health check fails"),
            (Self::Health, Health::Unknown) => Some("its health check hasn't succeeded"),
            (Self::Ports(_), _) => (!answers).then_some("none of its ports answers"),
        }
    }
}

/// What a service's state means, without which it is gone; `answers` is whether a port has answered or,
/// where none is asked, it has run for a moment.
pub fn judge(readiness: &Readiness, state: Option<State>, answers: bool) -> Verdict {
    match state {
        None => Verdict::Never("its container is gone".to_owned()),
        Some(State::Ended(Some(code))) => Verdict::Never(format!("it ended with exit code {code}")),
        Some(State::Ended(None)) => Verdict::Never("it ended".to_owned()),
        Some(State::Created) => Verdict::NotYet("it isn't started"),
        Some(State::Running(health)) => {
            readiness.missing(health, answers).map_or(Verdict::Ready, Verdict::NotYet)
        }
    }
}

/// <https://docs.docker.com/reference/dockerfile/#healthcheck>: `NONE` switches off an inherited one.
fn has_health_check(config: &ImageConfig) -> bool {
    let test = config.healthcheck.as_ref().and_then(|check| check.test.as_deref());
    test.is_some_and(|test| test.first().is_some_and(|kind| !kind.is_empty() && kind != "NONE"))
}

/// The job's own word comes first, the image's second.
fn asked_port(config: &ImageConfig, variables: &[(String, String)]) -> Option<u16> {
    let own = variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let images = config.env.iter().flatten().filter_map(|entry| entry.split_once('='));
    let mut ports = own.chain(images).filter(|(name, _)| name.eq_ignore_ascii_case(PORT_VARIABLE));
    ports.find_map(|(_, port)| port.parse().ok())
}

/// Those for TCP, which is what a port is for unless it says otherwise.
fn exposed_ports(config: &ImageConfig) -> Vec<u16> {
    let tcp = |port: &String| {
        let (number, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
        number.parse().ok().filter(|_| protocol == "tcp")
    };
    let mut ports: Vec<u16> = config.exposed_ports.iter().flatten().filter_map(tcp).collect();
    ports.sort_unstable();
    ports.truncate(MOST_PORTS);
    ports
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::images::PullPolicy;

    fn readiness(config: &Value, variables: &[(&str, &str)]) -> Readiness {
        let inspect = serde_json::from_value(json!({ "Config": config })).unwrap();
        let image = BroughtImage { id: String::new(), inspect, policy: PullPolicy::Always };
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Readiness::of(&image, &variables.iter().map(owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_health_check_comes_first_then_a_named_port_then_the_exposed_ones() {
        let exposed = json!({ "5432/tcp": {}, "80": {}, "53/udp": {}, "443/tcp": {} });
        let by_image =
            json!({ "ExposedPorts": exposed, "Env": ["PATH=/bin", "healthcheck_tcp_port=9"] });
        for (config, variables, expected) in [
            (json!({}), &[][..], Readiness::Nothing),
            (json!({ "ExposedPorts": exposed }), &[], Readiness::Ports(vec![80, 443, 5432])),
            (by_image.clone(), &[], Readiness::Ports(vec![9])),
            (by_image, &[("HEALTHCHECK_TCP_PORT", "7")], Readiness::Ports(vec![7])),
            (
                json!({ "ExposedPorts": exposed, "Healthcheck": { "Test": ["CMD", "true"] } }),
                &[],
                Readiness::Health,
            ),
            (
                json!({ "ExposedPorts": exposed, "Healthcheck": { "Test": ["NONE"] } }),
                &[("HEALTHCHECK_TCP_PORT", "what")],
                Readiness::Ports(vec![80, 443, 5432]),
            ),
        ] {
            assert_eq!(readiness(&config, variables), expected, "{config}");
        }
    }

    #[test]
    fn a_service_is_judged_by_what_it_has() {
        let running = |health| Some(State::Running(health));
        let ports = Readiness::Ports(vec![80]);
        for (readiness, state, answers, ready) in [
            (&Readiness::Health, running(Health::Unknown), true, false),
            (&Readiness::Health, running(Health::Unhealthy), true, false),
            (&Readiness::Health, running(Health::Healthy), false, true),
            (&ports, running(Health::Unknown), false, false),
            (&ports, running(Health::Unknown), true, true),
            (&Readiness::Nothing, running(Health::Unknown), false, false),
            (&Readiness::Nothing, running(Health::Unknown), true, true),
            (&Readiness::Nothing, Some(State::Created), false, false),
        ] {
            let verdict = judge(readiness, state, answers);
            assert_eq!(verdict == Verdict::Ready, ready, "{readiness:?} {state:?} {answers}");
            assert!(!matches!(verdict, Verdict::Never(_)));
        }
        for state in [None, Some(State::Ended(Some(0))), Some(State::Ended(None))] {
            let verdict = judge(&Readiness::Nothing, state, true);
            assert!(matches!(verdict, Verdict::Never(_)), "{state:?}");
        }
    }
}

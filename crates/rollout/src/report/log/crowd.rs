//! How many services are, in one line.

use super::Service;
use crate::report::plain;
use crate::verdict::Outcome;

/// So many services are named.
const NAMED: usize = 2;

/// `37 of 100 services have ended, 1 failed (web); api: 2 of 3 tasks updated and running; and 62
/// more`.
pub(super) fn words(services: &[Service]) -> String {
    let ended = services.iter().filter(|service| service.ended.is_some()).count();
    let mut parts = vec![format!("{ended} of {} ended{}", counted(services), failed(services))];
    let mut going: Vec<_> = services.iter().filter(|service| service.ended.is_none()).collect();
    going.sort_by_key(|service| std::cmp::Reverse((service.trouble, service.noted)));
    for service in going.iter().take(NAMED) {
        let state = service.state.as_deref().unwrap_or("not looked at yet");
        parts.push(format!("{}: {}", plain::line(&service.name, 30), plain::line(state, 60)));
    }
    if let Some(more) = going.len().checked_sub(NAMED).filter(|more| *more > 0) {
        parts.push(format!("and {more} more"));
    }
    parts.join("; ")
}

fn counted(services: &[Service]) -> String {
    crate::report::amount::counted(u64::try_from(services.len()).unwrap_or(u64::MAX), "rollout")
}

fn failed(services: &[Service]) -> String {
    let failed = |service: &&Service| service.ended == Some(Outcome::Failed);
    let names: Vec<_> =
        services.iter().filter(failed).map(|service| service.name.as_str()).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => format!(", 1 failed ({})", plain::line(one, 30)),
        [first, ..] => format!(", {} failed ({}, …)", names.len(), plain::line(first, 30)),
    }
}

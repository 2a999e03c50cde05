//! Services that end by themselves.

use super::lines::in_service;
use super::{Facts, Reach, Words};
use crate::snapshot::Mode;

/// What is started once and never again is a one-shot, unless it can be reached from outside. In a
/// mode that runs for ever its end counts as a failure, and the CLI waits without end
/// (<https://github.com/docker/cli/issues/5299>). The job modes in turn can't be updated step by
/// step (<https://docs.docker.com/reference/cli/docker/service/create/#running-as-a-job>).
pub(super) fn one_shot(facts: &Facts<'_>) -> Option<Words> {
    let spec = facts.spec;
    let (mode, is_job) = match spec.mode {
        Mode::Replicated { replicas: 0 } => return None,
        Mode::Replicated { .. } => ("replicated-job", false),
        Mode::Global => ("global-job", false),
        Mode::ReplicatedJob { .. } => ("replicated-job", true),
        Mode::GlobalJob => ("global-job", true),
    };
    let is_configured = spec.update.is_some() || spec.rollback.is_some();
    let never_again = spec.restart_condition.as_deref() == Some("none");
    let reason = if is_job && is_configured {
        format!("a service in mode {mode} can't have update_config or rollback_config.")
    } else if !is_job && never_again && facts.reach() < Reach::Outside {
        format!(
            "a task that is never started again (restart_policy: condition: none) is one that ends, \
             and in this mode its end counts as a failure: an update is paused by it, and a deploy \
             that waits never ends. In mode {mode} it is a success."
        )
    } else {
        return None;
    };
    let mut lines = vec![format!("mode: {mode}")];
    if is_configured {
        lines.push("# and neither update_config nor rollback_config".to_owned());
    }
    Some(Words { reason, lines: in_service(spec, &["deploy"], &lines) })
}

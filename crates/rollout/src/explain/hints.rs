//! What to do about a task that failed: pure, by what the orchestrator, the engine and the health
//! check said.

use super::placement;
use crate::record::HealthResult;
use crate::snapshot::{Node, Spec, TaskState};
use crate::verdict::TaskFailure;

/// 128 and SIGKILL.
const KILLED: i64 = 137;

/// The hints, the most specific one first.
pub(super) fn hints(
    failure: &TaskFailure,
    spec: Option<&Spec>,
    nodes: &[Node],
    health: &[HealthResult],
) -> Vec<String> {
    let error = failure.error.as_deref().unwrap_or_default();
    let mut hints = Vec::new();
    if error.contains("no suitable node") || failure.state == TaskState::Pending {
        hints.extend(spec.map(|spec| placement::excluded(spec, nodes)).unwrap_or_default());
    }
    if error.contains("No such image") {
        hints.push(
            "the node could not pull the image: check its name and tag; of a private registry \
             deploy with `--with-registry-auth`, with a login that lasts longer than the job"
                .to_owned(),
        );
    }
    if error.contains("unhealthy container") {
        hints.push(match health.last() {
            Some(_) => "the health check failed, see what it printed: mend the service, or the \
                        check's `test`, `start_period` and `retries`"
                .to_owned(),
            None => "the health check failed: run its `test` in a container of the image to see \
                     what it prints"
                .to_owned(),
        });
    }
    if error.contains("executable file not found") || error.contains("no such file or directory") {
        hints.push("the image has no such program: mend `command` or `entrypoint`".to_owned());
    }
    if error.contains("bind source path does not exist") {
        hints.push("a bind mount's source must be there on every node: use a volume".to_owned());
    }
    if error.contains("address already in use") || error.contains("port is already allocated") {
        hints.push("another program on the node has the port: publish another one".to_owned());
    }
    if failure.exit_code == Some(KILLED) && !error.contains("unhealthy") {
        hints.push(
            "SIGKILL ended it: out of memory, as a rule; see `resources.limits.memory`".to_owned(),
        );
    }
    hints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hinted(error: &str, exit_code: Option<i64>) -> Vec<String> {
        let failure = TaskFailure {
            task: "t1".into(),
            slot: Some(1),
            node: None,
            state: TaskState::Failed,
            error: Some(error.into()),
            exit_code,
            container: None,
        };
        hints(&failure, None, &[], &[])
    }

    #[test]
    fn what_the_engine_says_leads_to_what_to_do() {
        let table = [
            ("No such image: nowhere/nothing:1", None, "--with-registry-auth"),
            (
                "task: non-zero exit (137): dockerexec: unhealthy container",
                Some(137),
                "health check",
            ),
            ("task: non-zero exit (137)", Some(137), "memory"),
            (
                "starting container failed: exec: \"x\": executable file not found in $PATH",
                None,
                "command",
            ),
            (
                "invalid mount config for type \"bind\": bind source path does not exist: /x",
                None,
                "volume",
            ),
        ];
        for (error, code, word) in table {
            let hints = hinted(error, code);
            assert_eq!(hints.len(), 1, "{error}: {hints:?}");
            assert!(hints[0].contains(word), "{error}: {hints:?}");
        }
    }

    #[test]
    fn nothing_is_said_of_what_is_not_known() {
        assert!(hinted("task: non-zero exit (3)", Some(3)).is_empty());
    }
}

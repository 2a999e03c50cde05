//! The last lines that a task wrote.

use bollard::query_parameters::LogsOptions;
use futures::StreamExt;

use crate::swarm::Swarm;
use crate::verdict::TaskFailure;

/// How many lines.
const TAIL: &str = "10";

/// How much of one line, in bytes.
const LONGEST: usize = 1000;

/// The last lines of a task's log, oldest first; none where it has no container, or its log driver
/// can't be read.
pub(super) async fn last_lines(swarm: &Swarm, failure: &TaskFailure) -> Vec<String> {
    let mut lines = Vec::new();
    if failure.container.is_none() {
        return lines;
    }
    let Ok(docker) = swarm.manager().and_then(|engine| engine.docker()) else { return lines };
    let options =
        LogsOptions { stdout: true, stderr: true, tail: TAIL.to_owned(), ..LogsOptions::default() };
    let mut log = std::pin::pin!(docker.task_logs(&failure.task, Some(options)));
    while let Some(Ok(part)) = log.next().await {
        let bytes = part.into_bytes();
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST)]).into_owned();
        lines.extend(text.lines().map(str::to_owned));
    }
    lines
}

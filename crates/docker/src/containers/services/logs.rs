//! What a service says: its last words when it failed, all of it when a job is debugged.
//!
//! All of it is the service's own text and may be of any size, so it is bounded here.

use std::collections::VecDeque;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::models::Health;
use bollard::query_parameters::{InspectContainerOptions, LogsOptions};
use futures::{Stream, TryStreamExt};
use job::{Failure, Result};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::containers::refusal::Answer;

/// How many lines of its log are a service's last words.
const LAST_LINES: usize = 20;

/// How many bytes of each line are kept, and of a health check's output.
const LONGEST_LINE: usize = 1024;

/// What a service said last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastWords {
    /// The last lines of its log.
    pub log: Vec<String>,
    /// What its health check printed last, unless that succeeded.
    pub health: Vec<String>,
}

/// A line of a service's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was written, as the engine says it. Of two texts the later moment is the greater.
    pub at: String,
    /// The line, without its end.
    pub text: String,
}

/// What the service in the container with this id said last.
///
/// # Errors
/// The system's: the engine is away.
pub async fn last_words(docker: &Docker, id: &str) -> Result<LastWords> {
    let options = LogsOptions {
        stdout: true,
        stderr: true,
        tail: LAST_LINES.to_string(),
        ..LogsOptions::default()
    };
    let log = docker.logs(id, Some(options)).map_ok(LogOutput::into_bytes);
    let inspect = docker.inspect_container(id, None::<InspectContainerOptions>);
    let (log, container) = tokio::try_join!(last_lines(log), inspect).map_err(silent)?;
    let health = container.state.and_then(|state| state.health);
    Ok(LastWords { log, health: health.map(complaint).unwrap_or_default() })
}

/// The lines that the service in the container with this id writes, until it ends; after a cut,
/// those that were written later than `after`.
pub fn follow(
    docker: &Docker,
    id: &str,
    after: Option<String>,
) -> impl Stream<Item = Result<Line>> + use<> {
    let since = after.as_deref().and_then(seconds).unwrap_or_default();
    let options = LogsOptions {
        follow: true,
        stdout: true,
        stderr: true,
        since,
        timestamps: true,
        tail: "all".to_owned(),
        ..LogsOptions::default()
    };
    let lines = docker.logs(id, Some(options)).map_err(silent).map_ok(line);
    lines.try_filter(move |line| {
        let later = after.as_ref().is_none_or(|after| line.at > *after);
        async move { later }
    })
}

/// Each frame is a line, or a part of one that is longer than an engine keeps in one piece
/// (16 KiB), each behind its moment.
fn line(frame: LogOutput) -> Line {
    let bytes = frame.into_bytes();
    let text = String::from_utf8_lossy(&bytes);
    let (at, text) = text.split_once(' ').unwrap_or(("", &text));
    Line { at: at.to_owned(), text: text.trim_end_matches(['\r', '\n']).to_owned() }
}

async fn last_lines<B: AsRef<[u8]>>(
    frames: impl Stream<Item = Result<B, Error>>,
) -> Result<Vec<String>, Error> {
    let frames = frames.try_fold(VecDeque::new(), async |mut lines, frame| {
        lines.extend(bounded_lines(frame.as_ref()));
        let superfluous = lines.len().saturating_sub(LAST_LINES);
        lines.drain(..superfluous);
        Ok(lines)
    });
    Ok(frames.await?.into())
}

fn bounded_lines(text: &[u8]) -> impl Iterator<Item = String> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.split(|byte| *byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let kept = String::from_utf8_lossy(&line[..line.len().min(LONGEST_LINE)]).into_owned();
        if line.len() > LONGEST_LINE { kept + " …" } else { kept }
    })
}

/// The last lines of the last check that did not succeed.
fn complaint(health: Health) -> Vec<String> {
    let checks = health.log.unwrap_or_default();
    let last = checks.into_iter().next_back().filter(|check| check.exit_code != Some(0));
    let output = last.and_then(|check| check.output).unwrap_or_default();
    let lines: Vec<_> = bounded_lines(output.trim_end().as_bytes()).collect();
    let superfluous = lines.len().saturating_sub(LAST_LINES);
    lines.into_iter().skip(superfluous).filter(|line| !line.is_empty()).collect()
}

/// The second that a moment is in, since 1970.
fn seconds(moment: &str) -> Option<i32> {
    let moment = OffsetDateTime::parse(moment, &Rfc3339).ok()?;
    moment.unix_timestamp().try_into().ok()
}

fn silent(error: Error) -> Failure {
    let explain = |_: &_| Failure::system("the engine doesn't tell what a service says");
    Answer::of(error).into_failure(explain)
}

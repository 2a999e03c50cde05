//! The first line that each side sends, before anything else is on the stream.
//!
//! Neither waits for the other's before it goes on: what it sends behind its own is of no use to a
//! stranger, and does no harm. But nothing is taken from the other side before its line was judged.
//!
//! It is plain text, so that whatever else may answer at the far end (an image's entrypoint, a
//! dynamic linker's complaint) can be shown as it is, and its form never changes, so that two
//! releases can tell each other apart.

use crate::AgentError;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Counts up with every change of the mux's use or of a message.
const PROTOCOL: u32 = 3;
const NAME: &str = "swarm-executor-agent";
/// The longest line, in bytes.
pub(crate) const LONGEST: usize = 128;
/// What a greeting may take where nothing cuts the stream.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// This side's line.
pub(crate) fn line() -> String {
    format!("{NAME} protocol {PROTOCOL} release {}\n", env!("CARGO_PKG_VERSION"))
}

/// What is thought of the other side's line, once it is there.
pub(crate) struct Verdict(pub(crate) oneshot::Receiver<Result<(), AgentError>>);

impl Verdict {
    /// Waits for as long as `patience`.
    pub(crate) async fn within(self, patience: Duration) -> Result<(), AgentError> {
        match timeout(patience, self.0).await {
            Ok(judged) => judged.unwrap_or(Err(AgentError::Lost)),
            Err(_) => Err(AgentError::Silent { waited: patience }),
        }
    }
}

/// Judges the other side by its line, or by what came in place of one.
pub(crate) fn judge(line: &[u8]) -> Result<(), AgentError> {
    if line.is_empty() {
        return Err(AgentError::Lost);
    }
    let stranger = || AgentError::Stranger { said: line.escape_ascii().to_string() };
    let (theirs, release) = parse(line).ok_or_else(stranger)?;
    if theirs == PROTOCOL {
        return Ok(());
    }
    Err(AgentError::OtherRelease { ours: PROTOCOL, theirs, release: release.to_owned() })
}

fn parse(line: &[u8]) -> Option<(u32, &str)> {
    let text = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let rest = text.strip_prefix(NAME)?.strip_prefix(" protocol ")?;
    let (protocol, release) = rest.split_once(" release ")?;
    Some((protocol.parse().ok()?, release))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_release_is_named() {
        let error = judge(b"swarm-executor-agent protocol 7 release 9.9.9\n").unwrap_err();
        assert!(error.to_string().contains("protocol 7 (release 9.9.9)"), "{error}");
    }

    #[test]
    fn a_stranger_is_quoted() {
        let error = judge(b"exec: \x1b[1mno such file\n").unwrap_err();
        assert!(error.to_string().contains(r"exec: \x1b[1mno such file\n"), "{error}");
    }

    #[test]
    fn silence_until_the_end_is_a_lost_agent() {
        assert!(matches!(judge(b"").unwrap_err(), AgentError::Lost));
    }

    #[test]
    fn one_release_understands_itself() {
        let other = format!("{NAME} protocol {PROTOCOL} release 0.0.1-rc.1\n");
        assert!(judge(other.as_bytes()).is_ok());
        assert!(judge(line().as_bytes()).is_ok() && line().len() <= LONGEST);
    }
}

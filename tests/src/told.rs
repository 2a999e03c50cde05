//! What the reader of a log is told when something fails.

use play::{Job, Outcome};

/// How the programs and gitlab-runner mark a line that is an error.
const ERROR: &str = "\u{1b}[31;1mERROR: ";

/// How they mark a warning.
const WARNING: &str = "\u{1b}[0;33mWARNING: ";

const RESET: &str = "\u{1b}[0;m";

/// How gitlab-runner's own errors and warnings begin.
const RUNNERS_OWN: [&str; 4] =
    ["Job failed", "Preparation failed", "Cleanup script failed", "Starting with version"];

/// What no reader should ever meet: panics, and Rust's errors from inside.
const INSIDES: [&str; 8] =
    ["panicked", "BACKTRACE", "Error {", "Os {", "Some(", "Err(", "kind:", "NotFound"];

/// What is at least this long and stands in a key can't stand in a message by accident.
const PIECE_OF_A_KEY: usize = 20;

/// The errors in a log, without colours and without gitlab-runner's own: the lines marked as one,
/// with those below that are indented. A moment is told as `TIME`.
pub fn errors(log: &[u8]) -> String {
    marked(log, ERROR)
}

/// The warnings in a log, likewise.
pub fn warnings(log: &[u8]) -> String {
    marked(log, WARNING)
}

/// What no reader should meet in the job log or in cleanup's: the insides of an error, or a piece
/// of any of the job's keys.
pub fn unfit(job: &Job, outcome: &Outcome) -> Vec<String> {
    let text = outcome.log_text() + &String::from_utf8_lossy(&outcome.cleanup_log);
    let insides = INSIDES.iter().copied();
    let keys = job.variables.iter().filter(|variable| variable.value.contains("PRIVATE KEY"));
    let pieces = keys.flat_map(|key| key.value.lines()).filter(|line| !line.starts_with("---"));
    let pieces = pieces.filter_map(|line| line.get(..PIECE_OF_A_KEY));
    insides.chain(pieces).filter(|unfit| text.contains(unfit)).map(str::to_owned).collect()
}

fn marked(log: &[u8], mark: &str) -> String {
    let mut told = String::new();
    let mut belongs = false;
    for line in String::from_utf8_lossy(log).lines() {
        let marked = line.strip_prefix(mark).map(|line| line.trim_end_matches(RESET));
        let ours = marked.filter(|line| !RUNNERS_OWN.iter().any(|own| line.starts_with(own)));
        belongs = ours.is_some() || (belongs && line.starts_with("  "));
        if belongs {
            told.extend(ours.unwrap_or(line).split_inclusive(' ').map(without_moment));
            told.push('\n');
        }
    }
    told
}

/// The word, unless it is a moment such as `2026-11-23T00:45:01Z`.
fn without_moment(word: &str) -> String {
    let bare = word.trim_end_matches([' ', ';', ':']);
    let is_moment = bare.len() == 20 && bare.get(10..11) == Some("T") && bare.ends_with('Z');
    if is_moment { word.replace(bare, "TIME") } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use play::{Status, Variable};

    const LOG: &str = "\u{1b}[31;1mERROR: A is missing\u{1b}[0;m\n  hint: add it\nother words\n  \
        indented\n\u{1b}[31;1mERROR: it ended at 2026-11-23T00:45:01Z; see\u{1b}[0;m\n\
        \u{1b}[0;33mWARNING: soon\u{1b}[0;m\n\u{1b}[31;1mERROR: Job failed: exit status 1\u{1b}[0;m\n";

    #[test]
    fn errors_are_told_with_what_belongs_to_them_and_nothing_else() {
        assert_eq!(errors(LOG.as_bytes()), "A is missing\n  hint: add it\nit ended at TIME; see\n");
        assert_eq!(warnings(LOG.as_bytes()), "soon\n");
    }

    #[test]
    fn a_piece_of_a_key_and_the_insides_of_an_error_are_unfit() {
        let key =
            "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEG\n-----END PRIVATE KEY-----";
        let job = Job::new("deploy").variable(Variable::new("K", key));
        let outcome = |log: &str| Outcome {
            status: Status::Success,
            reason: None,
            log: log.into(),
            stages: Vec::new(),
            cleanup_log: Vec::new(),
        };
        assert_eq!(unfit(&job, &outcome("a PRIVATE KEY is missing")), [""; 0]);
        assert_eq!(
            unfit(&job, &outcome("Os { code: 2 } at MIGHAgEAMBMGByqGSM49AgEG")),
            ["Os {", "MIGHAgEAMBMGByqGSM49"]
        );
    }
}

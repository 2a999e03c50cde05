//! The markers by which GitLab folds a part of the job log and tells its duration
//! (<https://docs.gitlab.com/ci/jobs/job_logs/#create-custom-collapsible-sections>).

use std::time::{SystemTime, UNIX_EPOCH};

use super::plain;

/// The line that begins a section, with its header.
pub fn start(at: SystemTime, name: &str, header: &str, collapsed: bool) -> String {
    let header = plain::line(header, super::COLUMNS);
    let (at, name) = (unix(at), letters(name));
    format!("\x1b[0Ksection_start:{at}:{name}[collapsed={collapsed}]\r\x1b[0K{header}")
}

/// The line that ends it.
pub fn end(at: SystemTime, name: &str) -> String {
    format!("\x1b[0Ksection_end:{}:{}\r\x1b[0K", unix(at), letters(name))
}

fn unix(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// GitLab knows a section's name by these characters only.
fn letters(name: &str) -> String {
    let known = |one: char| one.is_ascii_alphanumeric() || matches!(one, '_' | '.' | '-');
    name.chars().take(64).map(|one| if known(one) { one } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn markers_are_as_gitlab_wants_them() {
        let at = UNIX_EPOCH + Duration::from_secs(1_560_896_352);
        assert_eq!(
            start(at, "rollout", "Rollout of\n2 services", false),
            "\x1b[0Ksection_start:1560896352:rollout[collapsed=false]\r\x1b[0KRollout of 2 services"
        );
        assert_eq!(end(at, "roll out\r"), "\x1b[0Ksection_end:1560896352:roll_out_\r\x1b[0K");
    }
}

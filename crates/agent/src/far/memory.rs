//! Whether the kernel kills processes of a container for want of memory.
//!
//! The kernel counts such a kill before it sends the signal, so the count is right when the script's
//! end is seen; an engine hears of it later, on a busy machine too late.

use std::fs;
use std::process;

/// Where a container sees its own count: with version 2 of control groups
/// (<https://docs.kernel.org/admin-guide/cgroup-v2.html>, `memory.events`), and with version 1
/// (<https://docs.kernel.org/admin-guide/cgroup-v1/memory.html>, `memory.oom_control`).
const COUNTS: [&str; 2] =
    ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"];

/// The count when a script begins.
pub(super) struct Kills(Option<u64>);

impl Kills {
    /// What there is to count from.
    pub(super) fn so_far() -> Self {
        Self(kills())
    }

    /// Whether there were more since. False where nobody counts.
    pub(super) fn have_grown(&self) -> bool {
        self.0.zip(kills()).is_some_and(|(before, now)| before < now)
    }
}

/// None outside a container, whose first process the agent is: there the count is the machine's.
fn kills() -> Option<u64> {
    if process::id() != 1 {
        return None;
    }
    COUNTS.iter().find_map(|path| count(&fs::read_to_string(path).ok()?))
}

fn count(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_counts_kills_in_either_version() {
        let version_2 = "low 0\nhigh 0\nmax 31\noom 2\noom_kill 3\noom_group_kill 0\n";
        assert_eq!(count(version_2), Some(3));
        assert_eq!(count("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"), Some(1));
        // Linux before 4.13.
        assert_eq!(count("oom_kill_disable 0\nunder_oom 0\n"), None);
    }

    #[test]
    fn outside_a_container_nobody_counts() {
        assert!(!Kills::so_far().have_grown());
    }
}

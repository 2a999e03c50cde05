//! A process by number and start time, so that a number used again is never mistaken for it.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use job::Result;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::wait::{Seen, until};

/// A process that was alive when this was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    number: u32,
    /// Clock ticks after boot; field 22 of
    /// [`/proc/PID/stat`](https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html).
    started: u64,
}

impl Process {
    /// The process with this number, if there is one.
    pub(super) fn running(number: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
        // The second field is the program's name in parentheses, and may hold anything.
        let (_, fields) = stat.rsplit_once(") ")?;
        let mut fields = fields.split(' ');
        let state = fields.next()?;
        let started = fields.nth(18)?.parse().ok()?;
        (state != "Z").then_some(Self { number, started })
    }

    /// The process written down at `path`, dead or alive; none if nothing is written there.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let text = fs::read_to_string(path).ok()?;
        let (number, started) = text.trim().split_once(' ')?;
        Some(Self { number: number.parse().ok()?, started: started.parse().ok()? })
    }

    /// Writes the process down for [`Process::read`].
    pub(super) fn write(self, path: &Path) -> io::Result<()> {
        fs::write(path, format!("{} {}\n", self.number, self.started))
    }

    pub(super) fn number(self) -> u32 {
        self.number
    }

    /// Whether it still runs; a zombie does not.
    pub(super) fn is_alive(self) -> bool {
        Self::running(self.number) == Some(self)
    }

    /// The network namespace it is in, as `nsenter --net=` and `ip` take it.
    pub(super) fn network(self) -> String {
        format!("/proc/{}/ns/net", self.number)
    }

    /// Kills it and waits until it is gone; a process that is gone already is a success.
    pub(super) async fn kill(self) -> Result<()> {
        let pid = i32::try_from(self.number).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|_| self.is_alive()) {
            // Between the look and the kill it can only have ended.
            let _ = kill_process(pid, Signal::KILL);
        }
        until("a killed process to end", Duration::from_secs(10), async || {
            if self.is_alive() {
                Seen::NotYet(format!("{} still runs", self.number))
            } else {
                Seen::Ready(())
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_number_used_again_is_another_process() {
        let this = Process::running(std::process::id()).unwrap();
        assert!(this.is_alive());
        assert!(!Process { started: this.started + 1, ..this }.is_alive());
    }

    #[tokio::test]
    async fn a_process_that_was_written_down_is_known_to_be_dead_once_killed() {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let process = Process::running(child.id()).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        process.write(file.path()).unwrap();
        let read = Process::read(file.path()).unwrap();
        assert!(read.is_alive());
        process.kill().await.unwrap();
        assert!(!read.is_alive());
        child.wait().unwrap();
    }
}

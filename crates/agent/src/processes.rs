//! Finds processes of this machine and sends them signals, never to a process that has inherited
//! a dead one's id.
//!
//! A `/proc/PID` directory that is held open stays with its process. So a pidfd that was opened
//! after it, while it still answers, belongs to the same process
//! (<https://man7.org/linux/man-pages/man2/pidfd_open.2.html>).

use procfs::process::{Process, all_processes};
use rustix::process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal};
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Between two looks at `/proc`.
const PACE: Duration = Duration::from_millis(25);
/// How long SIGKILL may take, which it does for processes that wait for a device or a file server.
const KILLING: Duration = Duration::from_secs(10);

/// Processes that outlived SIGKILL, or belong to somebody whose processes we may not signal.
#[derive(Debug, thiserror::Error)]
#[error("these processes cannot be ended: {}", list(.0))]
pub struct Survivors(pub Vec<i32>);

fn list(pids: &[i32]) -> String {
    pids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Ends every process of this machine, but this one, that was started with `name=value` in its
/// environment, and every agent that has it as its argument: SIGTERM, after `grace` SIGKILL, until none is left. Returns how
/// many there were.
///
/// Processes that have overwritten both, as few programs do to change their title, are not found.
/// An environment can be read by its user, but not that of a process that keeps its memory to
/// itself, as an agent does; arguments can always be read.
pub async fn end_marked(name: &OsStr, value: &OsStr, grace: Duration) -> Result<usize, Survivors> {
    let kill_at = Instant::now() + grace;
    let mut seen = HashSet::new();
    loop {
        let left = marked(name, value);
        if left.is_empty() {
            return Ok(seen.len());
        }
        let now = Instant::now();
        if now >= kill_at + KILLING {
            return Err(Survivors(left.iter().map(Process::pid).collect()));
        }
        for process in &left {
            let news = identity(process).is_some_and(|identity| seen.insert(identity));
            if now >= kill_at {
                send(process, Signal::KILL);
            } else if news {
                send(process, Signal::TERM);
            }
        }
        sleep(PACE).await;
    }
}

fn marked(name: &OsStr, value: &OsStr) -> Vec<Process> {
    let own = getpid().as_raw_nonzero().get();
    let argument = format!("{}={}", name.display(), value.display());
    let is_marked = |process: &Process| {
        process.environ().is_ok_and(|all| all.get(name).is_some_and(|found| found == value))
            || process.cmdline().is_ok_and(|all| is_agent(&all, &argument))
    };
    processes().filter(|process| process.pid() != own && is_marked(process)).collect()
}

/// Whether a command line is that of an agent with this mark, and not of somebody who looks for it.
fn is_agent(command_line: &[String], mark: &str) -> bool {
    matches!(command_line, [program, argument]
        if program.ends_with("swarm-executor-agent") && argument == mark)
}

/// A process's id together with its start time, which tells it from a later owner of the id.
type Identity = (i32, u64);

fn identity(process: &Process) -> Option<Identity> {
    process.stat().ok().map(|stat| (stat.pid, stat.starttime))
}

/// Who has had a SIGTERM. A second one makes many programs give up their orderly end.
#[derive(Default)]
pub(crate) struct Told(HashSet<Identity>);

/// Sends SIGTERM to all descendants of this process that have not had one yet.
pub(crate) fn terminate_descendants(told: &mut Told) {
    for identity in descendants_now() {
        if told.0.insert(identity) {
            send_to(identity, Signal::TERM);
        }
    }
}

/// Sends SIGKILL to all descendants of this process that there are at this moment.
pub(crate) fn kill_descendants() {
    for identity in descendants_now() {
        send_to(identity, Signal::KILL);
    }
}

fn descendants_now() -> Vec<Identity> {
    // Directories of all the machine's processes, held open, could be more than a process may have.
    let seen: Vec<_> = processes().filter_map(|process| process.stat().ok()).collect();
    let parents = seen.iter().map(|stat| (stat.pid, stat.ppid)).collect();
    let tree = descendants(getpid().as_raw_nonzero().get(), &parents);
    let in_tree = seen.iter().filter(|stat| tree.contains(&stat.pid));
    in_tree.map(|stat| (stat.pid, stat.starttime)).collect()
}

fn send_to(wanted: Identity, signal: Signal) {
    let process = Process::new(wanted.0).ok();
    if let Some(process) = process.filter(|process| identity(process) == Some(wanted)) {
        send(&process, signal);
    }
}

/// All that lead to `root` by way of their parents.
fn descendants(root: i32, parents: &HashMap<i32, i32>) -> HashSet<i32> {
    let ancestors = |pid: i32| std::iter::successors(Some(pid), |pid| parents.get(pid).copied());
    // A chain is not longer than there are processes, also when it was read while it changed.
    let leads_to_root = |pid: &i32| ancestors(*pid).skip(1).take(parents.len()).any(|a| a == root);
    parents.keys().copied().filter(leads_to_root).collect()
}

fn processes() -> impl Iterator<Item = Process> {
    all_processes().into_iter().flatten().filter_map(Result::ok)
}

fn send(process: &Process, signal: Signal) {
    let Some(pid) = Pid::from_raw(process.pid()) else { return };
    let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { return };
    if process.is_alive() {
        // It may end right now, which is what was wanted.
        let _ = pidfd_send_signal(pidfd, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descendants_are_found_at_any_depth_and_nobody_else() {
        let parents = HashMap::from([(10, 1), (11, 10), (12, 11), (20, 1), (21, 20)]);
        assert_eq!(descendants(10, &parents), HashSet::from([11, 12]));
    }

    #[test]
    fn a_circle_read_while_ids_were_reused_does_not_hold_up() {
        let parents = HashMap::from([(2, 3), (3, 2), (11, 10)]);
        assert_eq!(descendants(10, &parents), HashSet::from([11]));
    }
}

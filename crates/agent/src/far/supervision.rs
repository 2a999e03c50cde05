//! Watches over the shell and all its descendants until none is left.
//!
//! The agent is their subreaper
//! (<https://man7.org/linux/man-pages/man2/PR_SET_CHILD_SUBREAPER.2const.html>): whoever loses
//! its parent becomes a child of the agent, so having no children means that the tree has ended.

use super::ending::{Due, Ending};
use crate::control::Ear;
use crate::hangups::Hangups;
use crate::message::{Exit, ToAgent};
use crate::processes::{self, Told};
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus, wait};
use std::future::pending;
use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until};

/// The signals that the agent acts upon.
pub(super) struct Signals {
    child: Signal,
    terminate: Signal,
}

impl Signals {
    /// Catches them, and those that only `run` is to act upon, which then do nothing: once caught,
    /// a signal stays so. Unlike ignored ones they are back to their default in the shell.
    pub(super) fn catch() -> io::Result<Self> {
        drop((signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?));
        let child = signal(SignalKind::child())?;
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { child, terminate })
    }
}

/// Returns how the shell ended, once it and all its descendants have.
///
/// [`None`] only when `run` is gone and there is a process that not even SIGKILL ends.
pub(super) async fn supervise(
    shell: Pid,
    ear: &mut Ear<ToAgent>,
    hangups: &Hangups,
    mut signals: Signals,
) -> Option<Exit> {
    let mut ending = Ending::default();
    let mut told = Told::default();
    let mut exit = None;
    let mut run_listens = true;
    loop {
        let left = reap(shell, &mut exit);
        let now = Instant::now();
        if !left || ending.hopeless(now) {
            return exit;
        }
        if exit.is_some() {
            ending.shell_ended(now);
        }
        match ending.due(now) {
            Some(Due::Terminate) => processes::terminate_descendants(&mut told),
            Some(Due::Kill) => processes::kill_descendants(),
            None => {}
        }
        tokio::select! {
            _ = signals.child.recv() => {}
            _ = signals.terminate.recv() => ending.sigtermed(Instant::now()),
            () = until(ending.next()) => {}
            message = ear.hear(), if run_listens => match message {
                Some(ToAgent::Stop { grace }) => ending.stop(Instant::now(), grace),
                Some(ToAgent::HungUp(id)) => hangups.far(id),
                Some(ToAgent::Start { .. }) | None => {
                    run_listens = false;
                    ending.orphaned(Instant::now());
                }
            },
        }
    }
}

/// Reaps all that have ended, notes the shell's end, and says whether any process is left.
fn reap(shell: Pid, exit: &mut Option<Exit>) -> bool {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == shell => *exit = how(status).or(*exit),
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

fn how(status: WaitStatus) -> Option<Exit> {
    status.exit_status().map(Exit::Code).or(status.terminating_signal().map(Exit::Signal))
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}

//! When the script's processes are told to end: pure, with the time passed in.

use std::mem;
use std::time::Duration;
use tokio::time::Instant;

/// What background processes get after the shell has ended, to end by themselves.
const NATURAL_END: Duration = Duration::from_millis(500);
/// What they get then, between SIGTERM and SIGKILL.
const AFTER_SHELL: Duration = Duration::from_secs(1);
/// What all processes get when `run` has gone.
const ORPHANED: Duration = Duration::from_secs(2);
/// What they get when somebody else sends the agent a SIGTERM, such as a machine that shuts down.
const SIGTERMED: Duration = Duration::from_secs(10);
/// Between two rounds of SIGKILL: a process can fork while the tree is being read.
const PACE: Duration = Duration::from_millis(20);
/// After so long without `run` the agent leaves behind what even SIGKILL doesn't end.
const HOPELESS: Duration = Duration::from_secs(10);

/// What is to be done to the processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// SIGTERM to all that have not had one.
    Terminate,
    /// SIGKILL to all, again and again.
    Kill,
}

/// The deadlines. They move towards the present only.
#[derive(Debug, Default)]
pub(super) struct Ending {
    sigterm: Option<Instant>,
    sigkill: Option<Instant>,
    hopeless: Option<Instant>,
    shell_ended: bool,
}

impl Ending {
    /// `run` wants the end.
    pub(super) fn stop(&mut self, now: Instant, grace: Duration) {
        self.hurry(now, now + grace);
    }

    /// Somebody sent the agent a SIGTERM.
    pub(super) fn sigtermed(&mut self, now: Instant) {
        self.hurry(now, now + SIGTERMED);
    }

    /// `run` is gone.
    pub(super) fn orphaned(&mut self, now: Instant) {
        self.hurry(now, now + ORPHANED);
        self.hopeless = Some(now + ORPHANED + HOPELESS);
    }

    /// The shell has ended; only the first call counts.
    ///
    /// When a stop is under way, its grace is the descendants' too, and what the shell has started
    /// since the SIGTERM (a process may fork just then) is due one as well.
    pub(super) fn shell_ended(&mut self, now: Instant) {
        if mem::replace(&mut self.shell_ended, true) {
            return;
        }
        if self.sigkill.is_some() {
            bring_forward(&mut self.sigterm, now);
        } else {
            self.hurry(now + NATURAL_END, now + NATURAL_END + AFTER_SHELL);
        }
    }

    /// What is due now.
    pub(super) fn due(&mut self, now: Instant) -> Option<Due> {
        if self.sigkill.is_some_and(|at| at <= now) {
            self.sigterm = None;
            self.sigkill = Some(now + PACE);
            return Some(Due::Kill);
        }
        self.sigterm.take_if(|at| *at <= now).map(|_| Due::Terminate)
    }

    /// When to ask again, if at all.
    pub(super) fn next(&self) -> Option<Instant> {
        [self.sigterm, self.sigkill, self.hopeless].into_iter().flatten().min()
    }

    /// Whether nobody waits any more and SIGKILL has not helped.
    pub(super) fn hopeless(&self, now: Instant) -> bool {
        self.hopeless.is_some_and(|at| at <= now)
    }

    fn hurry(&mut self, sigterm: Instant, sigkill: Instant) {
        bring_forward(&mut self.sigterm, sigterm);
        bring_forward(&mut self.sigkill, sigkill);
    }
}

fn bring_forward(deadline: &mut Option<Instant>, to: Instant) {
    *deadline = Some(deadline.map_or(to, |known| known.min(to)));
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_stop_terminates_now_and_kills_after_its_grace() {
        let (mut ending, now) = (Ending::default(), Instant::now());
        ending.stop(now, 5 * SECOND);
        assert_eq!(ending.due(now), Some(Due::Terminate));
        assert_eq!(ending.due(now), None);
        assert_eq!(ending.due(now + 5 * SECOND), Some(Due::Kill));
        assert_eq!(ending.due(now + 6 * SECOND), Some(Due::Kill));
    }

    #[test]
    fn a_stop_without_grace_kills_at_once() {
        let (mut ending, now) = (Ending::default(), Instant::now());
        ending.stop(now, 60 * SECOND);
        ending.stop(now + SECOND, Duration::ZERO);
        assert_eq!(ending.due(now + SECOND), Some(Due::Kill));
    }

    #[test]
    fn a_later_stop_cannot_grant_more_time() {
        let (mut ending, now) = (Ending::default(), Instant::now());
        ending.stop(now, SECOND);
        ending.stop(now, 60 * SECOND);
        assert_eq!(ending.due(now + SECOND), Some(Due::Kill));
    }

    #[test]
    fn descendants_of_an_ended_shell_get_half_a_second_before_the_signal() {
        let (mut ending, now) = (Ending::default(), Instant::now());
        ending.shell_ended(now);
        assert_eq!(ending.due(now), None);
        assert_eq!(ending.due(now + NATURAL_END), Some(Due::Terminate));
        assert_eq!(ending.due(now + NATURAL_END + AFTER_SHELL), Some(Due::Kill));
    }

    #[test]
    fn the_shells_end_does_not_shorten_the_grace_of_a_stop() {
        let (mut ending, now) = (Ending::default(), Instant::now());
        ending.stop(now, 30 * SECOND);
        ending.shell_ended(now + SECOND);
        assert_eq!(ending.due(now + SECOND), Some(Due::Terminate));
        assert_eq!(ending.due(now + 29 * SECOND), None);
    }

    #[test]
    fn what_the_shell_started_while_it_was_being_stopped_gets_a_sigterm_too() {
        let (mut ending, now) = (Ending::default(), Instant::now());
        ending.stop(now, 30 * SECOND);
        assert_eq!(ending.due(now), Some(Due::Terminate));
        ending.shell_ended(now + SECOND);
        ending.shell_ended(now + SECOND);
        assert_eq!(ending.due(now + SECOND), Some(Due::Terminate));
        ending.shell_ended(now + 2 * SECOND);
        assert_eq!(ending.due(now + 2 * SECOND), None);
    }

    #[test]
    fn hope_is_given_up_only_when_run_is_gone() {
        let (mut ending, now) = (Ending::default(), Instant::now());
        ending.stop(now, Duration::ZERO);
        assert!(!ending.hopeless(now + 3600 * SECOND));
        ending.orphaned(now);
        assert!(ending.hopeless(now + ORPHANED + HOPELESS));
    }
}

//! Moments of a played job at which something is done to it.

use play::{Event, Process};

/// A moment in the life of a job.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    /// A process of the stage called so has been started; this one may come several times.
    Started(&'static str),
    /// The job log says this. gitlab-runner shows every command before it runs it, so a script that
    /// says it must spell it otherwise, such as `echo bu''sy`.
    Said(&'static str),
}

/// A watcher that does `act` to the stage that runs when the moment comes.
pub fn at(moment: Moment, mut act: impl FnMut(&Process) + Send) -> impl FnMut(Event) + Send {
    let mut running: Option<Process> = None;
    let mut said = Vec::new();
    let mut reached = false;
    move |event| match event {
        Event::Started(process) => {
            if matches!(moment, Moment::Started(stage) if stage == process.stage) {
                act(&process);
            }
            running = Some(process);
        }
        Event::Log(bytes) => {
            let Moment::Said(words) = moment else { return };
            if reached {
                return;
            }
            said.extend_from_slice(&bytes);
            if said.windows(words.len()).any(|window| window == words.as_bytes()) {
                reached = true;
                running.iter().for_each(&mut act);
            }
            // The words may be under way.
            said.drain(..said.len().saturating_sub(words.len()));
        }
        Event::Ended(_) => {}
    }
}

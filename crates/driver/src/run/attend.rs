//! Attending to a script that runs: its output to the job log, signals to its processes.

use std::io;

use agent::{AgentError, Exit, Output, Running, Stopper};
use tokio::io::{AsyncWriteExt, BufReader};

use super::cancel::Signals;
use super::reader;
use crate::stage::Stage;

/// How much output is read at once, in bytes.
const OUTPUT_BUFFER: usize = 256 * 1024;

/// Why it isn't known how a script ended.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Its agent can't tell.
    Agent(AgentError),
    /// Nobody reads the job log any more, so the script was ended.
    Log(io::Error),
}

impl From<AgentError> for Trouble {
    fn from(error: AgentError) -> Self {
        Self::Agent(error)
    }
}

/// How a script ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attended {
    pub(super) exit: Exit,
    /// A signal to this process has told it to.
    pub(super) cancelled: bool,
}

/// Attends to one script.
pub(super) struct Attendant<'a> {
    stage: &'a Stage<'a>,
    signals: &'a mut Signals,
}

impl<'a> Attendant<'a> {
    pub(super) fn new(stage: &'a Stage<'a>, signals: &'a mut Signals) -> Self {
        Self { stage, signals }
    }

    /// Passes the output on until the script has ended, by itself, by a signal to this process, or
    /// because nobody reads the job log any more.
    pub(super) async fn attend(mut self, mut running: Running) -> Result<Attended, Trouble> {
        let stopper = running.stopper();
        let copied = self.heeding(&stopper, pass_on(&mut running.output)).await;
        if copied.is_err() {
            stopper.stop(self.stage.profile.stop_grace);
        }
        let exit = self.heeding(&stopper, running.exited()).await?;
        copied.map_err(Trouble::Log)?;
        Ok(Attended { exit, cancelled: self.signals.were_heard() })
    }

    /// Waits for `work`; meanwhile a signal to this process becomes the script's end.
    async fn heeding<T>(&mut self, stopper: &Stopper, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = self.signals.next() => self.cancel(stopper).await,
            }
        }
    }

    async fn cancel(&self, stopper: &Stopper) {
        let grace = self.signals.grace(self.stage.profile.stop_grace);
        stopper.stop(grace);
        tracing::info!(?grace, "cancelled");
        let words = if grace.is_zero() {
            "Cancelled: killing the script's processes".to_owned()
        } else {
            format!("Cancelled: ending the script's processes, killing them after {grace:?}")
        };
        // The log may have to wait for its reader; the stop must not.
        let log = self.stage.log;
        let _ = tokio::task::spawn_blocking(move || log.line(words)).await;
    }
}

/// Copies the script's output to the job log, to its end or until nobody reads it.
async fn pass_on(output: &mut Output) -> io::Result<()> {
    let mut output = BufReader::with_capacity(OUTPUT_BUFFER, output);
    let mut stdout = tokio::io::stdout();
    tokio::select! {
        copied = tokio::io::copy_buf(&mut output, &mut stdout) => copied?,
        () = reader::gone() => return Err(io::ErrorKind::BrokenPipe.into()),
    };
    stdout.flush().await
}

//! The far side: one script's whole life at the place where it runs, read in order.

mod command;
mod ending;
mod files;
mod memory;
mod output;
mod shell;
mod sockets;
mod supervision;

use crate::control::{self, Ear};
use crate::hangups::Hangups;
use crate::message::{Start, ToAgent, ToRun};
use crate::mux::{self, Inbound, Mux, Opener, Purpose, Side, Stream};
use crate::{AgentError, Duplex, Exit, greeting};
use memory::Kills;
use shell::{Refusal, Shell};
use sockets::{Listening, Ways};
use std::time::Duration;
use supervision::Signals;
use tokio::io::{ReadHalf, WriteHalf};
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio_util::sync::CancellationToken;

/// Serves one script over `duplex` and returns when all of it has ended: the shell, its
/// descendants, the sockets, and at last, when all is on its way to `run`, the stream.
///
/// It takes the process for itself: it reaps every child, catches SIGTERM (which ends the script
/// as a stop by `run` would), and ignores SIGINT and SIGHUP. The process has to be a child
/// subreaper, or else daemons escape.
pub async fn serve(duplex: impl Duplex) -> Result<(), AgentError> {
    serve_patiently(duplex, greeting::PATIENCE).await
}

/// Serves one script over a stream that may take as long as `patience` for a greeting.
pub(crate) async fn serve_patiently(
    duplex: impl Duplex,
    patience: Duration,
) -> Result<(), AgentError> {
    let signals = Signals::catch()?;
    let Mux { opener, mut inbound, verdict, driver } = mux::start(duplex, Side::Far);
    let served = match verdict.within(patience).await {
        Ok(()) => converse(&opener, &mut inbound, signals).await,
        Err(error) => Err(error),
    };
    // Without an opener the mux sends what is left, and says good-bye.
    drop(opener);
    let _ = driver.await;
    served
}

/// Takes in what to start, and tells how it ended.
async fn converse(
    opener: &Opener,
    inbound: &mut Inbound,
    signals: Signals,
) -> Result<(), AgentError> {
    let (control, shell) = streams(inbound).await?;
    let (incoming, outgoing) = tokio::io::split(control);
    let (to_run, messages) = mpsc::unbounded_channel();
    let speaking = tokio::spawn(control::speak(messages, outgoing));
    let served = attend(&mut Ear::new(incoming), to_run, opener.clone(), shell, signals).await;
    let _ = speaking.await;
    served
}

/// The two streams that `run` opens.
async fn streams(inbound: &mut Inbound) -> Result<(Stream, Stream), AgentError> {
    let (mut control, mut shell) = (None, None);
    while control.is_none() || shell.is_none() {
        let mut stream = inbound.next().await.ok_or(AgentError::Lost)?;
        match Purpose::read(&mut stream).await? {
            Purpose::Control => control = Some(stream),
            Purpose::Shell => shell = Some(stream),
            Purpose::Docker(_) => break,
        }
    }
    control.zip(shell).ok_or(AgentError::Lost)
}

async fn attend(
    ear: &mut Ear<ToAgent>,
    to_run: UnboundedSender<ToRun>,
    opener: Opener,
    stream: Stream,
    signals: Signals,
) -> Result<(), AgentError> {
    let Some(ToAgent::Start { start, script_size }) = ear.hear().await else {
        return Err(AgentError::Lost);
    };
    let (script, output) = tokio::io::split(stream);
    let kills = Kills::so_far();
    let (listening, shell) = match prepare(&start, script, script_size).await {
        Ok(prepared) => prepared,
        Err(refusal) => {
            let reason = refusal.reason();
            let _ = to_run.send(ToRun::Refused { reason });
            return Ok(());
        }
    };
    drop(start);
    let _ = to_run.send(ToRun::Started { pid: shell.pid.as_raw_nonzero().get().unsigned_abs() });
    let teller = to_run.clone();
    let hangups = Hangups::new(move |id| drop(teller.send(ToRun::HungUp(id))));
    let mut sockets = sockets::serve(listening, &Ways::new(opener, hangups.clone()));
    let exit = until_ended(shell, output, ear, &hangups, signals).await;
    sockets.shutdown().await;
    let exit = exit.ok_or(AgentError::Lost)?;
    let exit = if kills.have_grown() { exit.out_of_memory() } else { exit };
    let _ = to_run.send(ToRun::Exited(exit));
    Ok(())
}

/// Everything that can be refused, in the order of what costs least to undo.
async fn prepare(
    start: &Start,
    mut from_run: ReadHalf<Stream>,
    script_size: u64,
) -> Result<(Vec<Listening>, Shell), Refusal> {
    let listening = sockets::listen(&start.sockets)?;
    let script = shell::receive(&mut from_run, script_size).await?;
    files::write(&start.files)?;
    Ok((listening, shell::spawn(start, script)?))
}

/// Waits for the end of the script and its descendants, and for all output to be on its way.
async fn until_ended(
    shell: Shell,
    to_run: WriteHalf<Stream>,
    ear: &mut Ear<ToAgent>,
    hangups: &Hangups,
    signals: Signals,
) -> Option<Exit> {
    let writers_gone = CancellationToken::new();
    let pump = tokio::spawn(output::pump(shell.output, to_run, writers_gone.clone()));
    let exit = supervision::supervise(shell.pid, ear, hangups, signals).await;
    writers_gone.cancel();
    let _ = pump.await;
    exit
}

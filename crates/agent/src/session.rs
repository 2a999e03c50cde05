//! The near side: what `swarm-executor-run` holds of the script that runs elsewhere.

use crate::connection::{DockerConnection, DockerConnections};
use crate::control::{self, Ear};
use crate::hangups::Hangups;
use crate::link::{Fate, Link};
use crate::message::{Exit, Start, ToAgent, ToRun};
use crate::mux::{self, Inbound, Opener, Purpose, Side, Stream};
use crate::{AgentError, Duplex, greeting};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf, ReadHalf};
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

/// An agent that has greeted and waits to be told what to start.
///
/// Dropping it, or the [`Running`] that it turns into, ends the stream; the agent then ends every
/// process of the script and itself.
pub struct Session {
    opener: Opener,
    to_agent: UnboundedSender<ToAgent>,
    from_agent: Ear<ToRun>,
    hangups: Hangups,
    driver: AbortOnDropHandle<()>,
    /// Knows why the stream failed, when it is a link.
    fate: Option<Fate>,
    /// The tasks besides, ended when this is dropped.
    tasks: Vec<AbortOnDropHandle<()>>,
}

/// How long the agent may take to end itself after it has said how the script ended.
const FAREWELL: Duration = Duration::from_secs(5);

impl Session {
    /// Greets the agent at the other end of `duplex`, for at most ten seconds.
    pub async fn open(duplex: impl Duplex) -> Result<(Self, DockerConnections), AgentError> {
        Self::greet(duplex, greeting::PATIENCE).await
    }

    /// Greets the agent at the other end of `link`, for as long as the link's patience.
    ///
    /// From here on it, and the [`Running`] that it turns into, know why the link failed, if it
    /// does: [`AgentError::OutOfReach`] or [`AgentError::Denied`].
    pub async fn over(link: Link) -> Result<(Self, DockerConnections), AgentError> {
        let fate = link.fate();
        match Self::greet(link, fate.patience()).await {
            Ok((session, connections)) => Ok((Self { fate: Some(fate), ..session }, connections)),
            Err(error) => Err(fate.explain(error)),
        }
    }

    async fn greet(
        duplex: impl Duplex,
        patience: Duration,
    ) -> Result<(Self, DockerConnections), AgentError> {
        let mut stream = mux::buffered(duplex);
        greeting::exchange(&mut stream, patience).await?;
        let (opener, inbound, driver) = mux::start(stream, Side::Near);
        let control = opener.open(Purpose::Control).await?;
        let (incoming, outgoing) = tokio::io::split(control);
        let (to_agent, speaker) = control::speak(outgoing);
        let teller = to_agent.clone();
        let hangups = Hangups::new(move |id| drop(teller.send(ToAgent::HungUp(id))));
        let (arrived, connections) = mpsc::unbounded_channel();
        let admission = tokio::spawn(admit(inbound, hangups.clone(), arrived));
        let tasks = vec![AbortOnDropHandle::new(speaker), AbortOnDropHandle::new(admission)];
        let from_agent = Ear::new(incoming);
        let session = Self { opener, to_agent, from_agent, hangups, driver, fate: None, tasks };
        Ok((session, DockerConnections(connections)))
    }

    /// Starts the shell with `script` as its stdin, which is a file in memory at its place: never
    /// on a command line, never on a disk.
    ///
    /// The agent refuses, in words for the job log, when the directory or the shell is missing or
    /// a socket can't be made.
    pub async fn start(mut self, start: Start, script: &[u8]) -> Result<Running, AgentError> {
        match self.begin(start, script).await {
            Ok((pid, output)) => Ok(self.running(pid, output)),
            Err(error) => Err(explained(self.fate.as_ref(), error)),
        }
    }

    async fn begin(&mut self, start: Start, script: &[u8]) -> Result<(u32, Output), AgentError> {
        let stream = self.opener.open(Purpose::Shell).await?;
        let (output, mut input) = tokio::io::split(stream);
        let script_size = script.len() as u64;
        self.to_agent.send(ToAgent::Start { start, script_size }).map_err(|_| AgentError::Lost)?;
        let feed = async {
            // A failure here is the agent's refusal or its end, and the answer tells which.
            let _ = input.write_all(script).await;
            let _ = input.shutdown().await;
        };
        let ((), answer) = tokio::join!(feed, self.from_agent.hear());
        match answer {
            Some(ToRun::Started { pid }) => Ok((pid, Output(output))),
            Some(ToRun::Refused { reason }) => Err(AgentError::Refused { reason }),
            _ => Err(AgentError::Lost),
        }
    }

    fn running(mut self, pid: u32, output: Output) -> Running {
        let (ended, exit) = oneshot::channel();
        let attention = tokio::spawn(attend(self.from_agent, self.hangups, ended));
        self.tasks.push(AbortOnDropHandle::new(attention));
        let stopper = Stopper(self.to_agent);
        let (opener, driver, fate) = (self.opener, self.driver, self.fate);
        Running { output, pid, stopper, exit, opener, driver, fate, _tasks: self.tasks }
    }
}

fn explained(fate: Option<&Fate>, error: AgentError) -> AgentError {
    match fate {
        Some(fate) => fate.explain(error),
        None => error,
    }
}

/// Takes up the docker connections that the agent opens.
async fn admit(mut inbound: Inbound, hangups: Hangups, to: UnboundedSender<DockerConnection>) {
    while let Some(stream) = inbound.next().await {
        if let Some(connection) = DockerConnection::arrived(stream, &hangups).await {
            // With nobody there to serve it, it is dropped, and the client told so.
            drop(to.send(connection));
        }
    }
}

/// Hears what the agent says while the script runs.
async fn attend(mut from_agent: Ear<ToRun>, hangups: Hangups, ended: oneshot::Sender<Exit>) {
    while let Some(message) = from_agent.hear().await {
        match message {
            ToRun::HungUp(id) => hangups.far(id),
            ToRun::Exited(exit) => {
                let _ = ended.send(exit);
                return;
            }
            ToRun::Started { .. } | ToRun::Refused { .. } => return,
        }
    }
}

/// A script that runs at its place.
pub struct Running {
    /// What the script writes to stdout and stderr, in the order written. It has to be read while
    /// the script runs: a script whose output nobody reads waits.
    pub output: Output,
    pid: u32,
    stopper: Stopper,
    exit: oneshot::Receiver<Exit>,
    opener: Opener,
    driver: AbortOnDropHandle<()>,
    fate: Option<Fate>,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

impl Running {
    /// The shell's process id, at its place.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// A handle to stop the script with, from wherever the wish to stop comes up.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// How the shell ended. Output not yet read is discarded, and the agent has ended too, if it
    /// is a child of this process.
    pub async fn exited(mut self) -> Result<Exit, AgentError> {
        let exit = self.exit().await;
        let exit = exit.map_err(|error| explained(self.fate.as_ref(), error))?;
        // Without an opener the mux says good-bye.
        drop(self.opener);
        if tokio::time::timeout(FAREWELL, self.driver).await.is_err() {
            tracing::warn!("the agent takes long to end");
        }
        Ok(exit)
    }

    async fn exit(&mut self) -> Result<Exit, AgentError> {
        tokio::io::copy(&mut self.output, &mut tokio::io::sink()).await?;
        (&mut self.exit).await.map_err(|_| AgentError::Lost)
    }
}

/// Ends a script early.
#[derive(Clone)]
pub struct Stopper(UnboundedSender<ToAgent>);

impl Stopper {
    /// SIGTERM to every process of the script now, SIGKILL to what is left after `grace`.
    ///
    /// A further call can only hurry; with no grace at all, SIGKILL comes at once. Returns at
    /// once: the end shows in the output's end and [`Running::exited`].
    pub fn stop(&self, grace: Duration) {
        // An agent that is gone has no processes left to stop.
        let _ = self.0.send(ToAgent::Stop { grace });
    }
}

/// The script's output; its end of file comes when all processes of the script have ended.
pub struct Output(ReadHalf<Stream>);

impl AsyncRead for Output {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

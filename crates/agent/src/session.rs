//! The near side: what `swarm-executor-run` holds of the script that runs elsewhere.

use crate::connection::{DockerConnection, DockerConnections};
use crate::control::{self, Ear};
use crate::hangups::Hangups;
use crate::link::{Fate, Link};
use crate::message::{Exit, Start, ToAgent, ToRun};
use crate::mux::{self, Inbound, Mux, Opener, Purpose, Side, Stream};
use crate::{AgentError, Duplex, greeting};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf, ReadHalf};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

/// A stream to an agent that will be told what to start.
///
/// Dropping it, or the [`Running`] that it turns into, ends the stream; the agent then ends every
/// process of the script and itself.
pub struct Session {
    mux: Mux,
    patience: Duration,
    to_agent: UnboundedSender<ToAgent>,
    messages: UnboundedReceiver<ToAgent>,
    hangups: Hangups,
    arrived: UnboundedSender<DockerConnection>,
    /// Knows why the stream failed, when it is a link.
    fate: Option<Fate>,
}

/// How long the agent may take to end itself after it has said how the script ended.
const FAREWELL: Duration = Duration::from_secs(5);

impl Session {
    /// Opens a session with the agent at the other end of `duplex`, which has ten seconds to greet.
    ///
    /// Nothing is waited for: whether there is an agent, and of which release, comes out of
    /// [`start`](Self::start).
    pub fn open(duplex: impl Duplex) -> (Self, DockerConnections) {
        Self::new(duplex, greeting::PATIENCE, None)
    }

    /// The same over `link`, whose agent may take as long as the link's patience.
    ///
    /// It, and the [`Running`] that it turns into, know why the link failed, if it does:
    /// [`AgentError::OutOfReach`] or [`AgentError::Denied`].
    pub fn over(link: Link) -> (Self, DockerConnections) {
        let fate = link.fate();
        Self::new(link, fate.patience(), Some(fate))
    }

    fn new(
        duplex: impl Duplex,
        patience: Duration,
        fate: Option<Fate>,
    ) -> (Self, DockerConnections) {
        let mux = mux::start(duplex, Side::Near);
        let (to_agent, messages) = mpsc::unbounded_channel();
        let teller = to_agent.clone();
        let hangups = Hangups::new(move |id| drop(teller.send(ToAgent::HungUp(id))));
        let (arrived, connections) = mpsc::unbounded_channel();
        let session = Self { mux, patience, to_agent, messages, hangups, arrived, fate };
        (session, DockerConnections(connections))
    }

    /// Starts the shell with `script` as its stdin, which is a file in memory at its place: never
    /// on a command line, never on a disk.
    ///
    /// Everything is sent at once, up to the 256 KiB of a script that a stream takes unasked, so
    /// that the script's first output is there after one round trip.
    ///
    /// The agent refuses, in words for the job log, when the directory or the shell is missing or
    /// a socket can't be made.
    pub async fn start(self, start: Start, script: &[u8]) -> Result<Running, AgentError> {
        let Self { mux, patience, to_agent, messages, hangups, arrived, fate } = self;
        let Mux { opener, inbound, verdict, driver } = mux;
        let begun = begin(&opener, &to_agent, messages, start, script);
        let begun = match greeted_first(verdict.within(patience), begun).await {
            Ok(begun) => begun,
            Err(error) => return Err(explained(fate.as_ref(), error)),
        };
        let Begun { pid, output, from_agent, speaker } = begun;
        let (ended, exit) = oneshot::channel();
        let admission = tokio::spawn(admit(inbound, hangups.clone(), arrived));
        let attention = tokio::spawn(attend(from_agent, hangups, ended));
        let tasks = [AbortOnDropHandle::new(admission), AbortOnDropHandle::new(attention), speaker];
        let stopper = Stopper(to_agent);
        Ok(Running { output, pid, stopper, exit, driver, fate, _opener: opener, _tasks: tasks })
    }
}

/// What a start brings about.
struct Begun {
    pid: u32,
    output: Output,
    from_agent: Ear<ToRun>,
    speaker: AbortOnDropHandle<()>,
}

async fn begin(
    opener: &Opener,
    to_agent: &UnboundedSender<ToAgent>,
    messages: UnboundedReceiver<ToAgent>,
    start: Start,
    script: &[u8],
) -> Result<Begun, AgentError> {
    let script_size = script.len() as u64;
    to_agent.send(ToAgent::Start { start, script_size }).map_err(|_| AgentError::Lost)?;
    let (incoming, outgoing) = tokio::io::split(opener.open(Purpose::Control).await?);
    let speaker = AbortOnDropHandle::new(tokio::spawn(control::speak(messages, outgoing)));
    let (output, mut input) = tokio::io::split(opener.open(Purpose::Shell).await?);
    let feed = async {
        // A failure here is the agent's refusal or its end, and the answer tells which.
        let _ = input.write_all(script).await;
        let _ = input.shutdown().await;
    };
    let mut from_agent = Ear::new(incoming);
    match tokio::join!(feed, from_agent.hear()).1 {
        Some(ToRun::Started { pid }) => {
            Ok(Begun { pid, output: Output(output), from_agent, speaker })
        }
        Some(ToRun::Refused { reason }) => Err(AgentError::Refused { reason }),
        _ => Err(AgentError::Lost),
    }
}

/// What is wrong with the greeting explains all other failures.
async fn greeted_first<T>(
    greeted: impl Future<Output = Result<(), AgentError>>,
    begun: impl Future<Output = Result<T, AgentError>>,
) -> Result<T, AgentError> {
    let (mut greeted, mut begun) = (pin!(greeted), pin!(begun));
    tokio::select! {
        biased;
        greeted = &mut greeted => {
            greeted?;
            begun.await
        }
        begun = &mut begun => {
            greeted.await?;
            begun
        }
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
    driver: AbortOnDropHandle<()>,
    fate: Option<Fate>,
    /// Without one the mux would say good-bye.
    _opener: Opener,
    _tasks: [AbortOnDropHandle<()>; 3],
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
    ///
    /// The agent is not told: it says good-bye of itself, behind how the shell ended.
    pub async fn exited(mut self) -> Result<Exit, AgentError> {
        let exit = self.exit().await;
        let exit = exit.map_err(|error| explained(self.fate.as_ref(), error))?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{DuplexStream, duplex};

    /// What a start comes to with what is at the other end.
    async fn failure(near: DuplexStream) -> AgentError {
        let (session, _) = Session::open(near);
        session.start(Start::default(), &[b'#'; 5000]).await.err().unwrap()
    }

    #[tokio::test]
    async fn another_release_is_named_although_it_was_sent_all_before() {
        for room in [100, 1 << 20] {
            let (near, mut far) = duplex(room);
            far.write_all(b"swarm-executor-agent protocol 7 release 9.9.9\n").await.unwrap();
            let error = failure(near).await;
            assert!(matches!(error, AgentError::OtherRelease { theirs: 7, .. }), "{error}");
        }
    }

    #[tokio::test]
    async fn a_stranger_is_quoted_although_it_has_left() {
        let (near, mut far) = duplex(100);
        far.write_all(b"exec: no such file").await.unwrap();
        drop(far);
        let error = failure(near).await;
        assert!(matches!(error, AgentError::Stranger { .. }), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_without_a_word_is_a_lost_agent_and_silence_is_told_as_such() {
        let (near, _) = duplex(100);
        assert!(matches!(failure(near).await, AgentError::Lost));
        let (near, _far) = duplex(100);
        assert!(matches!(failure(near).await, AgentError::Silent { .. }));
    }
}

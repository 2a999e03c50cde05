//! The way to an agent on this machine: a child process and its two pipes.

use crate::{AgentError, Duplex};
use rustix::pipe::fcntl_setpipe_size;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::pin::{Pin, pin};
use std::process::Stdio;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Room in a pipe that output goes through, so that its two ends seldom wait for each other. A user
/// without privileges has 64 MiB for all pipes together
/// (<https://man7.org/linux/man-pages/man7/pipe.7.html>, `pipe-user-pages-soft`).
const PIPE: usize = 512 << 10;

/// Starts the agent at the path given and returns the stream to it.
///
/// `mark` is its only argument, which says nothing to it: people and
/// [`end_marked`](crate::processes::end_marked) see by it whose agent this is.
///
/// It is in a process group of its own, so that signals sent to this program's group (gitlab-runner
/// and terminals do that) don't reach it, and its environment is empty. Nothing kills it when the
/// stream is dropped: it sees the end of file, ends the script's processes, and then itself. The
/// stream's shutdown waits for that. Its stderr, on which only a crash would write, is this
/// program's.
pub fn spawn(agent: &Path, mark: Option<&str>) -> Result<impl Duplex + use<>, AgentError> {
    let failed = |source| AgentError::Spawn { path: agent.to_owned(), source };
    let mut child = Command::new(agent)
        .args(mark)
        .env_clear()
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let output = output.ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
    widen(&output);
    Ok(AgentProcess { input, output, child })
}

/// A child that is spoken to over its stdin and stdout.
struct AgentProcess {
    /// [`None`] once it has been shut down.
    input: Option<ChildStdin>,
    output: ChildStdout,
    child: Child,
}

impl AgentProcess {
    fn input(&mut self) -> io::Result<Pin<&mut ChildStdin>> {
        self.input.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }
}

impl AsyncRead for AgentProcess {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.output).poll_read(cx, buf)
    }
}

impl AsyncWrite for AgentProcess {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.input()?.poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.input()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.input = None;
        // What tells of the end is kept in the child, so that a new future takes up the wait.
        pin!(self.child.wait()).poll(cx).map_ok(drop)
    }
}

/// Gives a pipe more room, where the user's quota has it.
pub fn widen(pipe: &impl AsFd) {
    if let Err(error) = fcntl_setpipe_size(pipe, PIPE) {
        tracing::debug!(%error, "a pipe keeps its default size");
    }
}

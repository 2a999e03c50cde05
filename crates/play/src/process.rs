//! One stage's process: started, listened to, ended.
//!
//! As in gitlab-runner, a process leads its own process group, and it has ended only when nobody
//! holds its output any more: a stage that leaves a child with its stdout behind keeps the job
//! waiting.

use std::ffi::OsString;
use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::cancel::{Cancel, Scope};
use crate::{Exit, Runner};

/// What to start.
#[derive(Debug)]
pub(crate) struct Invocation<'a> {
    pub(crate) runner: &'a Runner,
    pub(crate) path: &'a std::path::Path,
    pub(crate) args: Vec<OsString>,
    pub(crate) dir: PathBuf,
    /// In order; later ones win, and all win over the runner's own environment.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// stdout and stderr share one pipe, so that their order is kept.
    pub(crate) merged: bool,
}

/// Which of a process's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

/// A process that runs.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) pid: u32,
    child: Child,
    out: Option<Receiver>,
    err: Option<Receiver>,
}

impl Invocation<'_> {
    pub(crate) fn start(&self) -> io::Result<Running> {
        let mut command = Command::new(self.path);
        let (out, to_out) = io::pipe()?;
        let err = if self.merged {
            command.stderr(to_out.try_clone()?);
            None
        } else {
            let (err, to_err) = io::pipe()?;
            command.stderr(to_err);
            Some(receiver(err)?)
        };
        command.args(&self.args).current_dir(&self.dir).stdin(Stdio::null()).stdout(to_out);
        if let Some(environment) = &self.runner.os_environment {
            command.env_clear().envs(environment.iter().cloned());
        }
        command.envs(self.environment.iter().cloned()).process_group(0);
        let child = command.spawn()?;
        let pid = child.id().ok_or_else(|| io::Error::other("the process has no id"))?;
        Ok(Running { pid, child, out: Some(receiver(out)?), err })
    }
}

fn receiver(pipe: PipeReader) -> io::Result<Receiver> {
    Receiver::from_owned_fd(OwnedFd::from(pipe))
}

impl Running {
    /// Waits for the end while `scope` lasts, and brings it about when it does not.
    pub(crate) async fn end(
        mut self,
        runner: &Runner,
        scope: &Scope,
        cancel: &Cancel,
        mut output: impl FnMut(Stream, &[u8]),
    ) -> Exit {
        let group = Pid::from_raw(self.pid.cast_signed());
        let mut ending = pin!(self.listen(&mut output));
        tokio::select! {
            exit = &mut ending => return exit,
            _ = scope.ended() => {}
        }
        // A group that is gone already needs no signal.
        let _ = killpg(group, Signal::SIGTERM);
        tokio::select! {
            exit = &mut ending => return exit,
            () = tokio::time::sleep(runner.graceful_kill_timeout) => {}
            () = cancel.hastened() => {}
        }
        let _ = killpg(group, Signal::SIGKILL);
        let dormant = Exit::Dormant(group.as_raw().cast_unsigned());
        timeout(runner.force_kill_timeout, ending).await.unwrap_or(dormant)
    }

    async fn listen(&mut self, output: &mut impl FnMut(Stream, &[u8])) -> Exit {
        let (mut from_out, mut from_err) = (vec![0; BUFFER], vec![0; BUFFER]);
        while self.out.is_some() || self.err.is_some() {
            tokio::select! {
                read = read(&mut self.out, &mut from_out) => match read {
                    0 => self.out = None,
                    length => output(Stream::Out, &from_out[..length]),
                },
                read = read(&mut self.err, &mut from_err) => match read {
                    0 => self.err = None,
                    length => output(Stream::Err, &from_err[..length]),
                },
            }
        }
        match self.child.wait().await {
            Ok(status) => status.into(),
            Err(error) => Exit::NotStarted(error.to_string()),
        }
    }
}

const BUFFER: usize = 16 * 1024;

/// How much came; never resolves for a pipe that has been read to its end.
async fn read(pipe: &mut Option<Receiver>, buffer: &mut [u8]) -> usize {
    match pipe {
        Some(pipe) => pipe.read(buffer).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}

/// Waits a while, unless the scope ends first.
pub(crate) async fn pause(duration: Duration, scope: &Scope) {
    tokio::select! {
        () = tokio::time::sleep(duration) => {}
        _ = scope.ended() => {}
    }
}

//! The shell: its stdin is the script as a file in memory, its stdout and stderr are one pipe.
//!
//! The script may hold secrets, so it is never on a command line (every user can read those) nor
//! on a disk. A file in memory can be read in blocks and sought in, as shells do with a script on
//! stdin; from a pipe they read byte by byte
//! (<https://pubs.opengroup.org/onlinepubs/9799919799/utilities/sh.html>, "INPUT FILES").

use super::command::{self, CommandError, Complete};
use super::files::FileError;
use super::sockets::SocketError;
use crate::host;
use crate::message::Start;
use crate::mux::{FRAME, Stream};
use rustix::fs::{MemfdFlags, Mode, memfd_create};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, setsid, umask};
use std::error::Error;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tokio::io::{AsyncReadExt, ReadHalf};
use tokio::net::unix::pipe;

/// Why the script could not be started, for the person who reads the job log.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the script broke off after {got} of {size} bytes")]
    Truncated { got: u64, size: u64 },
    #[error("cannot keep the script in memory")]
    Memory(#[source] io::Error),
    #[error("cannot use the working directory {}", .0.display())]
    Directory(PathBuf, #[source] io::Error),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("cannot start the shell `{0}`")]
    Shell(String, #[source] io::Error),
    #[error("cannot make the pipe for the script's output")]
    Pipe(#[source] io::Error),
    #[error(transparent)]
    Socket(#[from] SocketError),
}

impl Refusal {
    /// The message with its causes, in one line.
    pub(super) fn reason(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

/// A shell that runs.
pub(super) struct Shell {
    pub(super) pid: Pid,
    /// What it and its descendants write.
    pub(super) output: pipe::Receiver,
}

/// Takes the script in and returns it as a file in memory, at its beginning.
pub(super) async fn receive(from: &mut ReadHalf<Stream>, size: u64) -> Result<File, Refusal> {
    let file = memfd_create("script", MemfdFlags::CLOEXEC).map_err(io::Error::from);
    let mut file = File::from(file.map_err(Refusal::Memory)?);
    let mut chunk = vec![0; FRAME];
    let mut got = 0;
    // An end of file may be the end of `run` as well; only the size tells.
    while got < size {
        match from.read(&mut chunk).await {
            Ok(0) | Err(_) => return Err(Refusal::Truncated { got, size }),
            Ok(read) => {
                file.write_all(&chunk[..read]).map_err(Refusal::Memory)?;
                got += read as u64;
            }
        }
    }
    file.rewind().map_err(Refusal::Memory)?;
    Ok(file)
}

/// Starts the shell in a session of its own, without a terminal.
pub(super) fn spawn(start: &Start, script: File) -> Result<Shell, Refusal> {
    check_directory(&start.directory)
        .map_err(|e| Refusal::Directory(start.directory.clone(), e))?;
    let Complete { program, arguments } = command::complete(start)?;
    let (read, write) = pipe_with(PipeFlags::CLOEXEC).map_err(|e| Refusal::Pipe(e.into()))?;
    host::widen(&read);
    let output = pipe::Receiver::from_owned_fd(read).map_err(Refusal::Pipe)?;
    let mut command = Command::new(&program);
    if !start.inherit {
        command.env_clear();
    }
    command
        .args(arguments)
        .envs(start.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(&start.directory)
        .stdin(script)
        .stdout(write.try_clone().map_err(Refusal::Pipe)?)
        .stderr(write);
    detach(&mut command, start.umask.map(Mode::from_bits_truncate));
    let child = command.spawn().map_err(|error| not_started(&program, start, error))?;
    // Out of range for no process that exists.
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    pid.map(|pid| Shell { pid, output })
        .ok_or_else(|| not_started(&program, start, io::ErrorKind::InvalidData.into()))
}

/// Gives the command a session of its own, and its umask.
#[expect(unsafe_code, reason = "two async-signal-safe system calls; std has no safe form of them")]
fn detach(command: &mut Command, mask: Option<Mode>) {
    // SAFETY: between fork and exec the closure makes system calls only and allocates nothing.
    unsafe {
        command.pre_exec(move || {
            mask.map(umask);
            Ok(setsid().map(drop)?)
        });
    }
}

fn check_directory(directory: &Path) -> io::Result<()> {
    if directory.metadata()?.is_dir() { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) }
}

/// A shell that is missing is told from other failures: that one the reader can mend.
fn not_started(program: &OsStr, start: &Start, error: io::Error) -> Refusal {
    let shell = program.display().to_string();
    let searched = !program.as_bytes().contains(&b'/');
    if error.kind() != io::ErrorKind::NotFound || !searched {
        return Refusal::Shell(shell, error);
    }
    command::not_found(&[program], start).into()
}

//! A working tree on this machine, packed and cut into pieces.
//!
//! The scripts that put it into the project directory may run anywhere, so they carry it: each script
//! one piece of it, since a driver reads a script whole. The archive is made while it is carried and
//! never lies on a disk here.

use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStdout, Command};

use crate::outcome::{JobError, Status};

/// How much of the archive a script carries, in bytes. A shell takes twenty times as much memory to
/// read it.
const PIECE: usize = 4 * 1024 * 1024;

const PACK: &str = include_str!("tree/pack.sh");

/// A working tree that is being packed.
#[derive(Debug)]
pub(crate) struct Packing {
    tree: PathBuf,
    child: Child,
    archive: ChildStdout,
    /// What the packer has to say, should it fail.
    words: std::fs::File,
    number: usize,
}

/// A piece of the archive.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) bytes: Vec<u8>,
    pub(crate) is_first: bool,
    pub(crate) is_last: bool,
}

impl Packing {
    /// Starts to pack `tree`; of a git repository with the last `depth` commits, all of them with 0.
    ///
    /// The packer is in a process group of its own, so that a Ctrl-C leaves it the time to remove its
    /// temporary directory: it ends when nobody reads the archive any more.
    pub(crate) fn start(tree: &Path, depth: u32) -> Result<Self, JobError> {
        let start = || {
            let words = tempfile::tempfile()?;
            let mut command = Command::new("sh");
            command.args(["-c", PACK, "sh"]).arg(tree).arg(depth.to_string());
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(words.try_clone()?);
            let mut child = command.process_group(0).spawn()?;
            let archive = child.stdout.take().ok_or(std::io::ErrorKind::BrokenPipe)?;
            Ok(Self { tree: tree.to_owned(), child, archive, words, number: 0 })
        };
        start().map_err(|error: std::io::Error| cannot(tree, &error.to_string()))
    }

    /// The next piece. None is asked for after the last one.
    pub(crate) async fn next(&mut self) -> Result<Piece, JobError> {
        let mut bytes = Vec::with_capacity(PIECE);
        let limit = PIECE as u64;
        let read = (&mut self.archive).take(limit).read_to_end(&mut bytes).await;
        read.map_err(|error| cannot(&self.tree, &error.to_string()))?;
        let is_last = bytes.len() < PIECE;
        if is_last {
            self.end().await?;
        }
        self.number += 1;
        Ok(Piece { bytes, is_first: self.number == 1, is_last })
    }

    async fn end(&mut self) -> Result<(), JobError> {
        let why = match self.child.wait().await {
            Ok(status) if status.success() => return Ok(()),
            Ok(_) => self.last_words(),
            Err(error) => Err(error),
        };
        let why = why.unwrap_or_else(|error| error.to_string());
        Err(cannot(&self.tree, &why))
    }

    fn last_words(&mut self) -> std::io::Result<String> {
        let mut words = Vec::new();
        self.words.rewind()?;
        self.words.read_to_end(&mut words)?;
        Ok(String::from_utf8_lossy(&words).trim().to_owned())
    }
}

fn cannot(tree: &Path, why: &str) -> JobError {
    let message = format!("cannot pack the working tree {}: {why}", tree.display());
    JobError::new(Status::SystemFailure, message)
}

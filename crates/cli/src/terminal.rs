//! The one place that prints: the job log to stdout, everything about it to stderr.
//!
//! Colours are taken out where nobody would see them, by the rules of
//! <https://no-color.org/> and of [`anstream`].

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use anstream::AutoStream;
use job::Failure;

/// Who is told what. A reader that went away, as `head` does, is no reason to leave a job half
/// done: what cannot be written is dropped.
pub(crate) struct Terminal {
    /// Kept from one piece of the log to the next: an escape sequence may be cut in two.
    log: Mutex<AutoStream<io::Stdout>>,
    notes: Mutex<AutoStream<io::Stderr>>,
}

impl Default for Terminal {
    fn default() -> Self {
        let log = Mutex::new(AutoStream::auto(io::stdout()));
        Self { log, notes: Mutex::new(AutoStream::auto(io::stderr())) }
    }
}

impl Terminal {
    /// A piece of the job log, as it comes.
    pub(crate) fn log(&self, bytes: &[u8]) {
        write(&self.log, bytes);
    }

    /// Something a person should know.
    pub(crate) fn note(&self, text: &str) {
        write(&self.notes, format!("{text}\n").as_bytes());
    }

    /// Why nothing came of it.
    pub(crate) fn failure(&self, failure: &Failure) {
        self.note(&format!("error: {}", failure.render()));
    }
}

fn write(stream: &Mutex<impl Write>, bytes: &[u8]) {
    let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = stream.write_all(bytes).and_then(|()| stream.flush());
}

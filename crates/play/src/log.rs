//! The job log as GitLab shows it, handed on as it comes.

use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::mask::Masker;
use crate::outcome::Event;

const CLEAR: &str = "\x1b[0K";
const RESET: &str = "\x1b[0;m";
const BOLD_CYAN: &str = "\x1b[36;1m";
const BOLD_GREEN: &str = "\x1b[32;1m";
const BOLD_RED: &str = "\x1b[31;1m";
const YELLOW: &str = "\x1b[0;33m";

/// The log of one played job, and everyone who watches it.
pub(crate) struct Log<'a> {
    inner: Mutex<Inner<'a>>,
    sections: bool,
}

struct Inner<'a> {
    bytes: Vec<u8>,
    masked: Vec<Vec<u8>>,
    watcher: Box<dyn FnMut(Event) + Send + 'a>,
}

impl<'a> Log<'a> {
    pub(crate) fn new(sections: bool, watcher: impl FnMut(Event) + Send + 'a) -> Self {
        let watcher = Box::new(watcher);
        let inner = Inner { bytes: Vec::new(), masked: Vec::new(), watcher };
        Self { inner: Mutex::new(inner), sections }
    }

    /// What must not be shown from here on.
    pub(crate) fn mask(&self, phrases: Vec<Vec<u8>>) {
        self.lock().masked = phrases;
    }

    /// Tells whoever watches.
    pub(crate) fn announce(&self, event: Event) {
        (self.lock().watcher)(event);
    }

    pub(crate) fn plain(&self, text: impl Display) {
        self.line(CLEAR, &text);
    }

    pub(crate) fn info(&self, text: impl Display) {
        self.line(BOLD_GREEN, &text);
    }

    pub(crate) fn warning(&self, text: impl Display) {
        self.line(&format!("{YELLOW}WARNING: "), &text);
    }

    pub(crate) fn error(&self, text: impl Display) {
        self.line(&format!("{BOLD_RED}ERROR: "), &text);
    }

    /// Runs `inside` under a heading, as a section that GitLab can fold.
    pub(crate) async fn section<T>(
        &self,
        name: &str,
        heading: impl Display,
        inside: impl Future<Output = T>,
    ) -> T {
        self.mark("start", name);
        self.plain(format!("{BOLD_CYAN}{heading}{RESET}"));
        let result = inside.await;
        self.mark("end", name);
        result
    }

    /// A masker for the output of one process.
    pub(crate) fn masker(&self) -> Masker {
        Masker::new(self.lock().masked.clone())
    }

    /// Adds bytes that are masked already.
    pub(crate) fn write(&self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            let mut inner = self.lock();
            inner.bytes.extend_from_slice(&bytes);
            (inner.watcher)(Event::Log(bytes));
        }
    }

    /// Everything so far.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.lock().bytes.clone()
    }

    fn line(&self, prefix: &str, text: &dyn Display) {
        let mut masker = self.masker();
        let mut line = masker.feed(format!("{prefix}{text}{RESET}\n").as_bytes());
        line.extend(masker.finish());
        self.write(line);
    }

    fn mark(&self, edge: &str, name: &str) {
        if self.sections {
            let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
            self.write(format!("section_{edge}:{now}:{name}\r{CLEAR}").into_bytes());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<'a>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

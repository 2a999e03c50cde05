//! Whether anybody still reads the job log.
//!
//! gitlab-runner holds the other end of stdout. When it dies, a script that writes notices by
//! itself; one that is silent would run on for nobody.

use std::future::pending;
use std::io;

use rustix::event::{PollFd, PollFlags, poll};
use tokio::task::spawn_blocking;

/// Resolves when the reader of stdout has gone; never where stdout is a file.
pub(super) async fn gone() {
    if !matches!(spawn_blocking(wait).await, Ok(Ok(()))) {
        pending::<()>().await;
    }
}

/// A pipe without a reader is in error, which `poll` tells unasked
/// (<https://man7.org/linux/man-pages/man2/poll.2.html>).
fn wait() -> rustix::io::Result<()> {
    let stdout = io::stdout();
    let mut error_only = [PollFd::new(&stdout, PollFlags::empty())];
    rustix::io::retry_on_intr(|| poll(&mut error_only, None)).map(drop)
}

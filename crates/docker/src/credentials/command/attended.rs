//! A credentials command from its start to its end: its processes, its two pipes, its time.
//!
//! The command leads a process group of its own, which ends with it. A process that leaves the
//! group, as a daemon does, is left alone; but nobody waits for it, even if it keeps the pipes.

use std::io;
use std::pin::pin;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// Most of either output that is kept, in bytes.
const LONGEST: usize = 256 * 1024;

/// How long a pipe is read that is still open when the command has ended: a filter that the command
/// did not wait for may have a last word.
const LINGER: Duration = Duration::from_secs(1);

/// How a command ended, and what it wrote.
pub(super) struct Ended {
    /// Its exit; nothing if it had to be killed because its time was up.
    pub(super) status: Option<ExitStatus>,
    pub(super) stdout: Zeroizing<Vec<u8>>,
    pub(super) stderr: Zeroizing<Vec<u8>>,
}

/// Waits for the end of `child`, at most for `limit`. `child` leads a process group.
pub(super) async fn attend(mut child: Child, limit: Duration) -> io::Result<Ended> {
    let group = Group::led_by(&child);
    let (mut stdout, mut stderr) = (buffer(), buffer());
    let pipes = (child.stdout.take(), child.stderr.take());
    let read = async { tokio::join!(read(pipes.0, &mut stdout), read(pipes.1, &mut stderr)) };
    let ended = async {
        let status = timeout(limit, child.wait()).await.ok().transpose();
        if let Ok(None) = status {
            group.kill();
        }
        status
    };
    let status = ended_and_read(ended, read).await?;
    Ok(Ended { status, stdout, stderr })
}

/// The end, after which reading goes on for [`LINGER`] only.
async fn ended_and_read<T, R>(ended: impl Future<Output = T>, read: impl Future<Output = R>) -> T {
    let (mut ended, mut read) = (pin!(ended), pin!(read));
    tokio::select! {
        end = &mut ended => {
            let _ = timeout(LINGER, read).await;
            end
        }
        _ = &mut read => ended.await,
    }
}

/// Keeps the first part of what comes and takes the rest too: a pipe that is full or closed would
/// stop or kill who writes.
async fn read(pipe: Option<impl AsyncRead + Unpin>, bytes: &mut Vec<u8>) {
    let Some(mut pipe) = pipe else { return };
    // What could be read before an error says more than the error.
    let _ = (&mut pipe).take(LONGEST as u64).read_to_end(bytes).await;
    let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
}

/// Sized beforehand, so that no copy is left behind in growing: one byte more than is kept, or
/// reading would make room to find the end.
fn buffer() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Vec::with_capacity(LONGEST + 1))
}

/// A process group that is killed on drop.
struct Group(Option<Pid>);

impl Group {
    fn led_by(child: &Child) -> Self {
        Self(child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)))
    }

    fn kill(&self) {
        if let Some(leader) = self.0 {
            // It fails where nobody is left, as after most commands.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

//! The socket at which the job's `docker` reaches the gateway, where the script runs beside this
//! process.
//!
//! An agent can listen as well, for a script that is elsewhere. Here that hop would only cost: each
//! byte would go through one more pipe and one more process.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::Stream;
use job::{Failure, Result};
use tokio::net::{UnixListener, UnixStream};

use crate::state::already_gone_is_success;

/// A pause after a failed accept, which mostly means that file descriptors have run out.
const RESPITE: Duration = Duration::from_millis(100);

/// A socket that is removed on drop.
pub(super) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Listens at `path`, in the place of a socket that a killed stage left, for its owner only.
    /// Until that is set, the job's directory keeps others out.
    pub(super) fn listen(path: &Path) -> Result<Self> {
        let listen = || {
            already_gone_is_success(fs::remove_file(path))?;
            let listener = UnixListener::bind(path)?;
            let socket = Self { listener, path: path.to_owned() };
            fs::set_permissions(path, Permissions::from_mode(0o600))?;
            Ok(socket)
        };
        listen().map_err(|error: io::Error| {
            Failure::system(format!("cannot listen on the socket {}", path.display()))
                .caused_by(error)
                .hint("the path may be too long for a socket, over 107 bytes: shorten XDG_RUNTIME_DIR")
        })
    }

    /// The connections of the job's docker clients, as they come.
    pub(super) fn connections(self) -> impl Stream<Item = UnixStream> {
        futures::stream::unfold(self, |socket| async { Some((socket.accept().await, socket)) })
    }

    async fn accept(&self) -> UnixStream {
        loop {
            match self.listener.accept().await {
                Ok((client, _)) => return client,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a docker client");
                    tokio::time::sleep(RESPITE).await;
                }
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, path = %self.path.display(), "the socket was already gone");
        }
    }
}

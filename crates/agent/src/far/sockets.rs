//! The sockets that the job's Docker clients connect to, and the way of each connection.

use crate::connection::DockerConnection;
use crate::hangups::Hangups;
use crate::message::Socket;
use crate::mux::{DOCKER_CONNECTIONS, Opener, Purpose};
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

/// Bytes on their way through the agent, per direction of a connection.
const BUFFER: usize = 32 << 10;
/// A pause after a failed accept, which mostly means that file descriptors have run out.
const RESPITE: Duration = Duration::from_millis(100);

/// What group and others may do.
const OTHERS: u32 = 0o077;

/// Why a socket can't be offered.
#[derive(Debug, thiserror::Error)]
pub(super) enum SocketError {
    #[error("cannot use the directory of the socket {}", .0.display())]
    Directory(PathBuf, #[source] io::Error),
    #[error("others can reach into the directory of the socket {} (mode {mode:o})", .path.display())]
    Exposed { path: PathBuf, mode: u32 },
    #[error("cannot listen on the socket {}", .0.display())]
    Listen(PathBuf, #[source] io::Error),
    #[error("cannot listen on {0}")]
    Port(SocketAddr, #[source] io::Error),
    #[error("{0} sockets are more than the 256 that can be told apart")]
    TooMany(usize),
}

/// A socket that clients can connect to. A unix socket is removed from its directory on drop.
pub(super) enum Listening {
    Unix(UnixListener, PathBuf),
    Tcp(TcpListener),
}

impl Drop for Listening {
    fn drop(&mut self) {
        let Self::Unix(_, path) = self else { return };
        if let Err(error) = fs::remove_file(&path) {
            tracing::debug!(%error, path = %path.display(), "a socket was already gone");
        }
    }
}

/// Makes the sockets, in place of stale ones.
pub(super) fn listen(sockets: &[Socket]) -> Result<Vec<Listening>, SocketError> {
    if sockets.len() > usize::from(u8::MAX) + 1 {
        return Err(SocketError::TooMany(sockets.len()));
    }
    sockets.iter().map(listen_on).collect()
}

fn listen_on(socket: &Socket) -> Result<Listening, SocketError> {
    match socket {
        Socket::Private(path) => {
            check_directory(path)?;
            // Until its mode is set the directory alone keeps others out.
            listen_at(path, 0o600)
        }
        Socket::Shared(path) => {
            let directory = path.parent().unwrap_or(path);
            make_directory(directory).map_err(|e| SocketError::Directory(path.to_owned(), e))?;
            listen_at(path, 0o666)
        }
        Socket::Tcp(address) => {
            listen_to(*address).map_err(|error| SocketError::Port(*address, error))
        }
    }
}

fn listen_at(path: &Path, mode: u32) -> Result<Listening, SocketError> {
    let bind = || {
        remove_stale(path)?;
        let listening = Listening::Unix(UnixListener::bind(path)?, path.to_owned());
        fs::set_permissions(path, Permissions::from_mode(mode))?;
        Ok(listening)
    };
    bind().map_err(|error| SocketError::Listen(path.to_owned(), error))
}

fn listen_to(address: SocketAddr) -> io::Result<Listening> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener).map(Listening::Tcp)
}

/// Makes a directory that is missing, also where a symbolic link says that it should be: an image's
/// `/var/run` may lead to a `/run` that the image lacks.
fn make_directory(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        found => return found.map(drop),
    }
    let parent = path.parent().unwrap_or(path);
    if let Ok(target) = fs::read_link(path) {
        return make_directory(&parent.join(target));
    }
    make_directory(parent)?;
    DirBuilder::new().mode(0o755).create(path)
}

fn check_directory(path: &Path) -> Result<(), SocketError> {
    let directory = path.parent().unwrap_or(path);
    let metadata =
        fs::symlink_metadata(directory)
            .and_then(|found| {
                if found.is_dir() { Ok(found) } else { Err(io::ErrorKind::NotADirectory.into()) }
            })
            .map_err(|error| SocketError::Directory(path.to_owned(), error))?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(SocketError::Exposed { path: path.to_owned(), mode });
    }
    Ok(())
}

/// Removes a socket that an agent left behind when it was killed; nothing else.
fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => fs::remove_file(path),
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// A client that has connected.
enum Client {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Listening {
    async fn accept(&self) -> io::Result<Client> {
        match self {
            Self::Unix(listener, _) => Ok(Client::Unix(listener.accept().await?.0)),
            Self::Tcp(listener) => Ok(Client::Tcp(listener.accept().await?.0)),
        }
    }
}

/// What a connection needs to get to `run`.
#[derive(Clone)]
pub(super) struct Ways {
    opener: Opener,
    hangups: Hangups,
    slots: Arc<Semaphore>,
}

impl Ways {
    pub(super) fn new(opener: Opener, hangups: Hangups) -> Self {
        Self { opener, hangups, slots: Arc::new(Semaphore::new(DOCKER_CONNECTIONS)) }
    }
}

/// Serves all sockets until the set is dropped, which also removes them.
pub(super) fn serve(sockets: Vec<Listening>, ways: &Ways) -> JoinSet<()> {
    sockets
        .into_iter()
        .zip(0..)
        .map(|(socket, index)| accept(socket, index, ways.clone()))
        .collect()
}

/// Accepts as many clients as there are slots; the others wait in the backlog.
async fn accept(socket: Listening, index: u8, ways: Ways) {
    let mut connections = JoinSet::new();
    while let Ok(slot) = Arc::clone(&ways.slots).acquire_owned().await {
        match socket.accept().await {
            Ok(client) => {
                connections.spawn(carry(client, index, ways.clone(), slot));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a docker client");
                tokio::time::sleep(RESPITE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Carries one client's connection. Its slot is free when both sides have dropped it.
async fn carry(mut client: Client, socket: u8, ways: Ways, slot: OwnedSemaphorePermit) {
    let Ok(stream) = ways.opener.open(Purpose::Docker(socket)).await else { return };
    let connection = DockerConnection::opened(stream, socket, &ways.hangups);
    let far_gone = connection.far_gone();
    let relayed = match &mut client {
        Client::Unix(client) => relay(client.split(), connection).await,
        Client::Tcp(client) => relay(client.split(), connection).await,
    };
    if let Err(error) = relayed {
        tracing::debug!(%error, "a docker client went away");
    }
    drop(client);
    far_gone.cancelled().await;
    drop(slot);
}

/// Passes both directions on, each until its own end.
///
/// What `run` sends is delivered to its end in any case. What the client sends is of use only as
/// long as `run` holds the connection: a server may answer and leave in the middle of an upload.
async fn relay(
    (from_client, to_client): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    connection: DockerConnection,
) -> io::Result<()> {
    let far_gone = connection.far_gone();
    let (from_run, to_run) = tokio::io::split(connection);
    let up = async {
        tokio::select! {
            _ = pass(from_client, to_run) => {}
            () = far_gone.cancelled() => {}
        }
        Ok(())
    };
    tokio::try_join!(up, pass(from_run, to_client)).map(drop)
}

async fn pass(from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    tokio::io::copy_buf(&mut BufReader::with_capacity(BUFFER, from), &mut to).await?;
    to.shutdown().await
}

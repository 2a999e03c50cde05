//! The agent as a container's first process: it serves one session after the other.
//!
//! A `run` reaches it by the container's stdin and stdout, or by a socket in the abstract
//! namespace (<https://man7.org/linux/man-pages/man7/unix.7.html>), to which an exec of [`bridge`]
//! connects it: such a socket needs no writable file system, asks for no user, and can't be
//! replaced by a process of the job. It can be reached by one, though, so that only the first
//! hello is believed without proof: see [`Key`](crate::link::Key).
//!
//! There is one session at a time. A `run` that comes while another one's is under way takes
//! over: the other is dead, or lost for longer than GitLab Runner waits. The former script's
//! processes are ended before the new one's session begins.

mod doors;
mod lodging;
mod reaper;

use crate::{AgentError, Duplex};
use lodging::Lodging;
use reaper::{Signalled, Signals};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use tokio::io::copy_bidirectional;
use tokio::sync::mpsc;

/// Serves sessions until a SIGTERM. Then the script under way is ended as by a stop, and its
/// session served to its end.
///
/// `name` is that of the socket. Only one container at a time can use it in one network namespace.
pub async fn serve(stdio: impl Duplex, name: &str) -> Result<(), AgentError> {
    let listener = UnixListener::bind_addr(&address(name)?)?;
    listener.set_nonblocking(true)?;
    let listener = tokio::net::UnixListener::from_std(listener)?;
    let mut signals = Signals::catch()?;
    let (sender, mut arrivals) = mpsc::channel(1);
    tokio::spawn(doors::stdio(Box::new(stdio), sender.clone()));
    tokio::spawn(doors::socket(listener, sender));
    let mut lodging = Lodging::default();
    loop {
        tokio::select! {
            Some(arrival) = arrivals.recv() => lodging.admit(arrival).await,
            () = lodging.vacated() => reaper::reap(),
            signalled = signals.next() => match signalled {
                Signalled::Child if lodging.is_vacant() => reaper::reap(),
                Signalled::Child => {}
                Signalled::Terminate => lodging.close(),
            },
        }
        if lodging.is_closed() {
            lodging.farewell().await;
            return Ok(());
        }
    }
}

/// Connects a stream to the socket of the agent, until either ends.
pub async fn bridge(stdio: impl Duplex, name: &str) -> io::Result<()> {
    let mut stdio = stdio;
    let socket = UnixStream::connect_addr(&address(name)?)?;
    socket.set_nonblocking(true)?;
    let mut socket = tokio::net::UnixStream::from_std(socket)?;
    copy_bidirectional(&mut stdio, &mut socket).await.map(drop)
}

fn address(name: &str) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(name)
}

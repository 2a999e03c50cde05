//! A port of the loopback interface that can be closed and opened again.

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Closed, it refuses connections as if nobody had ever listened, but nobody else can take it.
pub(super) struct Port {
    address: SocketAddr,
    listener: Option<TcpListener>,
    /// Bound and never listening: it keeps the port, and the kernel refuses who connects.
    _claim: TcpSocket,
}

impl Port {
    /// Takes a free port and listens on it.
    pub(super) fn open() -> io::Result<Self> {
        let claim = bound((Ipv4Addr::LOCALHOST, 0).into())?;
        let address = claim.local_addr()?;
        let mut port = Self { address, listener: None, _claim: claim };
        port.reopen()?;
        Ok(port)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Refuses connections from now on, and resets those that nobody has accepted yet.
    pub(super) fn close(&mut self) {
        self.listener = None;
    }

    /// Listens again, if it doesn't.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        if self.listener.is_none() {
            self.listener = Some(bound(self.address)?.listen(1024)?);
        }
        Ok(())
    }

    /// The next connection; none ever while the port is closed.
    pub(super) async fn accept(&self) -> io::Result<TcpStream> {
        match &self.listener {
            Some(listener) => listener.accept().await.map(|(stream, _)| stream),
            None => pending().await,
        }
    }
}

/// Claim and listener share the port because both ask for it: `SO_REUSEPORT` in socket(7).
fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

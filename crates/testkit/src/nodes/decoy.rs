//! An endpoint that is not what a Docker client hopes for.

use std::net::SocketAddr;

use job::{Failure, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What an HTTP server says to bytes that are no HTTP, such as a TLS handshake.
const BAD_REQUEST: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// A web server without TLS on a port of the loopback interface, until dropped.
#[derive(Debug)]
pub struct PlainHttp {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl PlainHttp {
    /// Starts listening.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub async fn listen() -> Result<Self> {
        let bind = async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            Ok((listener.local_addr()?, listener))
        };
        let (address, listener) = bind.await.map_err(|error: std::io::Error| {
            Failure::system("cannot listen on loopback").caused_by(error)
        })?;
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(refuse(stream));
            }
        });
        Ok(Self { address, server })
    }

    /// Where it listens, as a Docker endpoint.
    pub fn endpoint(&self) -> String {
        format!("tcp://{}", self.address)
    }
}

impl Drop for PlainHttp {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn refuse(mut stream: TcpStream) {
    let mut request = [0; 1024];
    // A client that hangs up early wants no answer.
    if stream.read(&mut request).await.is_ok() {
        let _ = stream.write_all(BAD_REQUEST).await;
    }
}

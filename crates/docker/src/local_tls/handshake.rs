//! The first bytes of a connection, until it is known who is there.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::server::{Accepted, AcceptedAlert, Acceptor};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::StartHandshake;
use tokio_rustls::server::TlsStream;

/// How long a handshake may take. Longer than a connection of the job's may be cut and go on.
pub(super) const LIMIT: Duration = Duration::from_mins(2);

/// How much is read at once, in bytes; a client's greeting is a fraction of it.
const GREETING: usize = 4 * 1024;

/// The length of a TLS record's header, which tells whether it is one, in bytes.
const HEADER: usize = 5;

/// How requests begin of which Go's server sees that they are plain HTTP
/// (`tlsRecordHeaderLooksLikeHTTP` in <https://github.com/golang/go/blob/go1.24.0/src/net/http/server.go>).
const HTTP: [&[u8; HEADER]; 5] = [b"GET /", b"HEAD ", b"POST ", b"PUT /", b"OPTIO"];

/// What it then answers, and so dockerd.
const TURNED_AWAY: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// Performs a server's handshake, within [`LIMIT`].
pub(super) async fn perform<S>(stream: S, config: Arc<ServerConfig>) -> io::Result<TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let performed = tokio::time::timeout(LIMIT, async move {
        let mut stream = stream;
        let greeting = greeting(&mut stream).await?;
        StartHandshake::from_parts(greeting, stream).into_stream(config).await
    });
    performed.await?
}

/// Reads the client's greeting. A client that has none is told, in the words that it speaks.
async fn greeting<S>(stream: &mut S) -> io::Result<Accepted>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut acceptor = Acceptor::default();
    let mut heard = Vec::with_capacity(GREETING);
    let mut taken = 0;
    loop {
        if stream.read_buf(&mut heard).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if heard.len() < HEADER {
            continue;
        }
        if HTTP.iter().any(|method| heard.starts_with(*method)) {
            turn_away(stream, TURNED_AWAY).await?;
            return Err(io::Error::new(ErrorKind::InvalidData, "the client speaks plain HTTP"));
        }
        while taken < heard.len() {
            taken += acceptor.read_tls(&mut &heard[taken..])?;
            match acceptor.accept() {
                Ok(Some(greeting)) => return Ok(greeting),
                Ok(None) => {}
                Err((error, alert)) => {
                    turn_away(stream, &written(alert)?).await?;
                    return Err(io::Error::new(ErrorKind::InvalidData, error));
                }
            }
        }
    }
}

async fn turn_away(stream: &mut (impl AsyncWrite + Unpin), words: &[u8]) -> io::Result<()> {
    stream.write_all(words).await?;
    stream.shutdown().await
}

fn written(mut alert: AcceptedAlert) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    alert.write_all(&mut bytes)?;
    Ok(bytes)
}

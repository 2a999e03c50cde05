use std::io::ErrorKind;

use job::ExposeSecret;
use job::settings::VariableNames;
use rustls::ClientConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::{TlsConnector, client};

use super::*;
use crate::mint::DAY;
use crate::{Credentials, Identity};

fn minted() -> LocalTls {
    LocalTls::mint(["dind", "10.1.2.3"], SystemTime::now()).unwrap()
}

/// What a client makes of the three files.
fn identity(tls: &LocalTls) -> Identity {
    let names = VariableNames::default();
    let texts = [&names.ca, &names.certificate, &names.key].into_iter().zip(Part::ALL);
    let texts: Vec<_> = texts.map(|(name, part)| (name.clone(), tls.text(part))).collect();
    let text = |name: &str| {
        texts.iter().find(|known| known.0 == name).map(|known| known.1.expose_secret())
    };
    let credentials = Credentials::from_variables(&names, text).unwrap();
    let checked = Identity::check(&credentials, SystemTime::now(), 14 * DAY).unwrap();
    assert_eq!(checked.warnings, Vec::<String>::new());
    checked.identity
}

type Ends = (io::Result<client::TlsStream<DuplexStream>>, io::Result<TlsStream<DuplexStream>>);

/// Both ends of one connection, after their handshake.
async fn connect(config: Arc<ClientConfig>, host: &str, server: &LocalTls) -> Ends {
    let (near, far) = duplex(64 * 1024);
    let host = ServerName::try_from(host.to_owned()).unwrap();
    let connecting = async {
        let mut stream = TlsConnector::from(config).connect(host, near).await?;
        // Under TLS 1.3 a client learns with its first read what the server thinks of it.
        stream.write_all(b"!").await?;
        let mut answer = [0];
        stream.read_exact(&mut answer).await?;
        Ok(stream)
    };
    let accepting = async {
        let mut stream = server.accept(far).await?;
        let mut asked = [0];
        stream.read_exact(&mut asked).await?;
        stream.write_all(&asked).await?;
        stream.flush().await?;
        Ok(stream)
    };
    tokio::join!(connecting, accepting)
}

async fn connected() -> (client::TlsStream<DuplexStream>, TlsStream<DuplexStream>) {
    let tls = minted();
    let (client, server) = connect(identity(&tls).tls(), "docker", &tls).await;
    (client.unwrap(), server.unwrap())
}

#[tokio::test]
async fn a_client_with_the_three_files_gets_through_under_every_name() {
    let tls = minted();
    for host in ["docker", "localhost", "127.0.0.1", "::1", "dind", "10.1.2.3"] {
        let (client, server) = connect(identity(&tls).tls(), host, &tls).await;
        let client = client.unwrap_or_else(|error| panic!("{host}: {error}"));
        assert_eq!(client.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        server.unwrap();
    }
}

#[tokio::test]
async fn the_server_is_nobody_else() {
    let tls = minted();
    let (client, server) = connect(identity(&tls).tls(), "manager", &tls).await;
    assert!(client.unwrap_err().to_string().contains("not valid for name"));
    server.unwrap_err();
}

#[test]
fn a_name_that_no_client_can_ask_for_is_left_out() {
    LocalTls::mint(["", "döcker", "two words", "under_score"], SystemTime::now()).unwrap();
    assert_eq!(hosts(["", "döcker", "two words", "under_score"]).last().unwrap(), "under_score");
    assert_eq!(hosts(["", "döcker", "two words"]), hosts::<&str>([]));
}

#[tokio::test]
async fn a_client_without_its_certificate_or_with_another_sets_certificate_is_refused() {
    let tls = minted();
    let mut roots = RootCertStore::empty();
    roots.add(tls.0.ca.clone()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let builder = || {
        ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots.clone())
    };
    let nobody = builder().with_no_client_auth();
    let (client, server) = connect(Arc::new(nobody), "docker", &tls).await;
    assert!(client.unwrap_err().to_string().contains("CertificateRequired"));
    server.unwrap_err();

    let other = minted().0.client.clone();
    let stranger = builder().with_client_auth_cert(vec![other.certificate], other.key.to_der());
    let (client, server) = connect(Arc::new(stranger.unwrap()), "docker", &tls).await;
    client.unwrap_err();
    assert!(server.unwrap_err().to_string().contains("invalid peer certificate"));
}

#[tokio::test]
async fn a_client_that_speaks_http_2_only_is_refused() {
    let tls = minted();
    let mut config = (*identity(&tls).tls()).clone();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let (client, server) = connect(Arc::new(config), "docker", &tls).await;
    assert!(client.unwrap_err().to_string().contains("NoApplicationProtocol"));
    server.unwrap_err();
}

#[tokio::test]
async fn each_direction_ends_by_itself() {
    let (mut client, mut server) = connected().await;
    client.write_all(b"in").await.unwrap();
    client.shutdown().await.unwrap();
    let mut heard = Vec::new();
    server.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"in");
    server.write_all(b"out").await.unwrap();
    server.shutdown().await.unwrap();
    let mut told = Vec::new();
    client.read_to_end(&mut told).await.unwrap();
    assert_eq!(told, b"out");
}

#[tokio::test]
async fn the_server_may_end_first_and_still_listen() {
    let (mut client, mut server) = connected().await;
    server.write_all(b"out").await.unwrap();
    server.shutdown().await.unwrap();
    let mut told = Vec::new();
    client.read_to_end(&mut told).await.unwrap();
    assert_eq!(told, b"out");
    client.write_all(b"last words").await.unwrap();
    client.shutdown().await.unwrap();
    let mut heard = Vec::new();
    server.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"last words");
}

#[tokio::test]
async fn a_connection_that_breaks_is_no_end() {
    let (client, mut server) = connected().await;
    drop(client);
    let error = server.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn a_client_that_speaks_plain_http_is_told_so_in_dockerds_words() {
    for pieces in
        [&["GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n"][..], &["HEA", "D /_ping HTTP/1.1"]]
    {
        let (mut near, far) = duplex(1024);
        let tls = minted();
        let asking = async {
            for piece in pieces {
                near.write_all(piece.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
            }
            let mut told = String::new();
            near.read_to_string(&mut told).await.unwrap();
            told
        };
        let (told, accepted) = tokio::join!(asking, tls.accept(far));
        assert_eq!(
            told,
            "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
        );
        assert_eq!(accepted.unwrap_err().to_string(), "the client speaks plain HTTP");
    }
}

#[tokio::test]
async fn what_is_neither_tls_nor_http_gets_an_alert() {
    let (mut near, far) = duplex(1024);
    let tls = minted();
    let asking = async {
        near.write_all(b"EHLO example.org\r\n").await.unwrap();
        let mut told = Vec::new();
        near.read_to_end(&mut told).await.unwrap();
        told
    };
    let (told, accepted) = tokio::join!(asking, tls.accept(far));
    assert_eq!(told.first(), Some(&21), "the type of an alert, RFC 8446, appendix B.1");
    accepted.unwrap_err();
}

#[tokio::test]
async fn a_client_that_leaves_or_stays_silent_is_given_up() {
    let tls = minted();
    let (near, far) = duplex(1024);
    drop(near);
    assert_eq!(tls.accept(far).await.unwrap_err().kind(), ErrorKind::UnexpectedEof);

    tokio::time::pause();
    let (near, far) = duplex(1024);
    let asked = tokio::time::Instant::now();
    assert_eq!(tls.accept(far).await.unwrap_err().kind(), ErrorKind::TimedOut);
    assert!(asked.elapsed() >= handshake::LIMIT);
    drop(near);
}

#[test]
fn no_key_is_shown() {
    let tls = minted();
    let shown = format!("{tls:?} {:?} {:?}", tls.text(Part::Key), tls.0.client);
    assert!(!shown.contains("BEGIN"), "{shown}");
    assert!(tls.text(Part::Key).expose_secret().starts_with("-----BEGIN PRIVATE KEY-----\n"));
}

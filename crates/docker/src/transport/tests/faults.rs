use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use job::{Blame, Failure};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, date_time_ymd};
use rustls::version::{TLS12, TLS13};
use rustls::{CertificateError, OtherError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::server::{Server, config};
use crate::endpoint::Source;
use crate::mint::{Authority, DAY, Pair, credentials, endpoint, identity};
use crate::transport::{Fault, Transport, TransportError, empty};
use crate::{Credentials, Endpoint, Identity};

const BOTH: &[&rustls::SupportedProtocolVersion] = &[&TLS12, &TLS13];

async fn ask(transport: &Transport) -> TransportError {
    transport.send(Request::new(empty())).await.unwrap_err()
}

fn transport(address: &str, ca: &Authority, client: &Pair) -> Transport {
    Transport::new(endpoint(address), identity(ca, client), Duration::from_secs(5))
}

/// The fault met at a server with this certificate, by a client that trusts `ca`.
async fn fault_at(ca: &Authority, presented: &Pair) -> TransportError {
    let server = Server::http(config(presented, ca, BOTH), |_| async { Response::new(empty()) });
    let address = server.await.address.to_string();
    ask(&transport(&address, ca, &ca.client())).await
}

/// A server that answers every connection with these bytes.
async fn answering(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            let _ = tcp.read(&mut [0; 4096]).await;
            let _ = tcp.write_all(bytes).await;
        }
    });
    address.to_string()
}

fn told(error: &TransportError) -> String {
    error.to_failure().render()
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let ca = Authority::new("ca");
    let error = ask(&transport(&address, &ca, &ca.client())).await;
    assert_eq!(*error.fault(), Fault::Refused);
    assert_eq!(error.to_failure().blame(), Blame::System);
    assert!(told(&error).starts_with(&format!(
        "cannot reach the cluster at tcp://{address}: it refuses connections\n  hint: "
    )));
}

#[tokio::test]
async fn a_server_that_says_nothing_times_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let ca = Authority::new("ca");
    let limit = Duration::from_millis(50);
    let transport = Transport::new(endpoint(&address), identity(&ca, &ca.client()), limit);
    let error = ask(&transport).await;
    assert_eq!(*error.fault(), Fault::TimedOut(limit));
    assert!(told(&error).contains("no answer within 50ms"), "{}", told(&error));
}

#[tokio::test]
async fn a_name_without_address() {
    let ca = Authority::new("ca");
    let error = ask(&transport("manager.invalid", &ca, &ca.client())).await;
    assert_eq!(*error.fault(), Fault::NotResolved);
    assert_eq!(error.to_failure().blame(), Blame::System);
    assert!(told(&error).contains("DOCKER_SWARM_MASTER"), "{}", told(&error));
}

#[test]
fn a_network_without_a_way_there() {
    for kind in [ErrorKind::HostUnreachable, ErrorKind::NetworkUnreachable] {
        assert_eq!(Fault::of(&io::Error::from(kind)), Fault::NoRoute);
    }
}

#[tokio::test]
async fn a_plain_http_port() {
    let address = answering(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let ca = Authority::new("ca");
    let error = ask(&transport(&address, &ca, &ca.client())).await;
    assert_eq!(*error.fault(), Fault::NotTls);
    assert_eq!(error.to_failure().blame(), Blame::Job);
    assert!(told(&error).contains("plain HTTP"), "{}", told(&error));
}

#[tokio::test]
async fn a_port_that_speaks_http2_only() {
    let ca = Authority::new("ca");
    let mut config = config(&ca.server(&["127.0.0.1"]), &ca, BOTH);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let server = Server::start(config, |_| async {}).await;
    let error = ask(&transport(&server.address.to_string(), &ca, &ca.client())).await;
    assert_eq!(*error.fault(), Fault::NotHttp);
    assert!(told(&error).contains("by default 2376"), "{}", told(&error));
}

#[tokio::test]
async fn a_certificate_for_other_names() {
    let ca = Authority::new("ca");
    let error = fault_at(&ca, &ca.server(&["manager.example.org", "192.0.2.7"])).await;
    let names = vec!["manager.example.org".to_owned(), "192.0.2.7".to_owned()];
    assert_eq!(*error.fault(), Fault::WrongName { names });
    assert_eq!(error.to_failure().blame(), Blame::Job);
    let told = told(&error);
    assert!(told.contains("is for manager.example.org, 192.0.2.7, not for 127.0.0.1"), "{told}");
    assert!(told.contains("subjectAltName = IP:127.0.0.1"), "{told}");
}

#[tokio::test]
async fn a_certificate_without_names() {
    let ca = Authority::new("ca");
    let error = fault_at(&ca, &ca.server(&[])).await;
    assert_eq!(*error.fault(), Fault::WrongName { names: vec![] });
    assert!(told(&error).contains("names no host"), "{}", told(&error));
}

#[tokio::test]
async fn an_expired_server_certificate_is_told_with_both_dates() {
    let ca = Authority::new("ca");
    let expired = ca.server_with(&["127.0.0.1"], |params| {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 2);
    });
    let error = fault_at(&ca, &expired).await;
    assert!(matches!(error.fault(), Fault::Expired { .. }), "{error:?}");
    assert_eq!(error.to_failure().blame(), Blame::System);
    assert!(told(&error).contains("expired on 2020-01-02T00:00:00Z; this machine's clock says "));
}

#[tokio::test]
async fn a_server_certificate_of_the_future() {
    let ca = Authority::new("ca");
    let future = ca.server_with(&["127.0.0.1"], |params| {
        params.not_before = date_time_ymd(2200, 1, 1);
        params.not_after = date_time_ymd(2201, 1, 1);
    });
    let error = fault_at(&ca, &future).await;
    assert!(matches!(error.fault(), Fault::NotYetValid { .. }), "{error:?}");
    assert!(told(&error).contains("valid from 2200-01-01T00:00:00Z only"), "{}", told(&error));
}

#[tokio::test]
async fn a_server_of_another_ca() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let error = fault_at(&ours, &theirs.server(&["127.0.0.1"])).await;
    assert_eq!(*error.fault(), Fault::UnknownIssuer);
    assert_eq!(error.to_failure().blame(), Blame::Job);
    assert!(told(&error).contains("not signed by the CA in DOCKER_MACHINE_CA"), "{}", told(&error));
}

#[tokio::test]
async fn a_server_of_another_ca_with_the_same_name() {
    let (ours, theirs) = (Authority::new("ca"), Authority::new("ca"));
    let error = fault_at(&ours, &theirs.server(&["127.0.0.1"])).await;
    assert_eq!(*error.fault(), Fault::UnknownIssuer);
}

#[tokio::test]
async fn a_server_that_presents_a_ca_certificate() {
    let ca = Authority::new("ca");
    let as_ca = |params: &mut CertificateParams| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    };
    let error = fault_at(&ca, &ca.server_with(&["127.0.0.1"], as_ca)).await;
    assert_eq!(*error.fault(), Fault::CaAsServer);
    assert!(told(&error).contains("CA:FALSE"), "{}", told(&error));
}

#[tokio::test]
async fn a_server_with_a_client_certificate() {
    let ca = Authority::new("ca");
    let for_clients = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    let error = fault_at(&ca, &ca.server_with(&["127.0.0.1"], for_clients)).await;
    assert_eq!(*error.fault(), Fault::NotForServers);
}

#[test]
fn what_rustls_says_of_old_and_weak_certificates() {
    let of = |error| Fault::of(&rustls::Error::InvalidCertificate(error));
    let version =
        CertificateError::Other(OtherError(Arc::new(webpki::Error::UnsupportedCertVersion)));
    assert_eq!(of(version), Fault::OldCertificate);
    let sha1 = CertificateError::UnsupportedSignatureAlgorithmContext {
        signature_algorithm_id: vec![],
        supported_algorithms: vec![],
    };
    assert_eq!(of(sha1), Fault::WeakSignature);
}

/// Under TLS 1.3 the verdict arrives after the handshake, in a race with the first request.
#[tokio::test]
async fn a_server_that_rejects_our_certificate_is_heard_in_every_version() {
    let (ca, others) = (Authority::new("ca"), Authority::new("others"));
    for version in [&TLS12, &TLS13] {
        let config = config(&ca.server(&["127.0.0.1"]), &others, &[version]);
        let server = Server::start(config, |_| async {}).await;
        for _ in 0..50 {
            let error = ask(&transport(&server.address.to_string(), &ca, &ca.client())).await;
            assert!(matches!(error.fault(), Fault::Rejected { .. }), "{version:?}: {error:?}");
            assert_eq!(error.to_failure().blame(), Blame::Job);
            assert!(
                told(&error)
                    .contains("rejects the client certificate in DOCKER_MACHINE_CLIENT_CERT")
            );
        }
    }
}

#[tokio::test]
async fn a_rejection_is_heard_behind_a_request_with_a_large_body() {
    let (ca, others) = (Authority::new("ca"), Authority::new("others"));
    let config = config(&ca.server(&["127.0.0.1"]), &others, &[&TLS13]);
    let server = Server::start(config, |_| async {}).await;
    for _ in 0..20 {
        let transport = transport(&server.address.to_string(), &ca, &ca.client());
        let body = crate::transport::full(vec![0; 4 << 20]);
        let error = transport.send(Request::post("/build").body(body).unwrap()).await.unwrap_err();
        assert!(matches!(error.fault(), Fault::Rejected { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_connection_that_ends_before_the_answer() {
    let ca = Authority::new("ca");
    let config = config(&ca.server(&["127.0.0.1"]), &ca, BOTH);
    let server = Server::start(config, |mut tls| async move {
        let _ = tls.read(&mut [0; 4096]).await;
    });
    let error = ask(&transport(&server.await.address.to_string(), &ca, &ca.client())).await;
    assert_eq!(*error.fault(), Fault::Closed);
}

#[tokio::test]
async fn a_request_whose_body_breaks_off() {
    let ca = Authority::new("ca");
    let server = Server::http(config(&ca.server(&["127.0.0.1"]), &ca, BOTH), |request| async {
        let _ = http_body_util::BodyExt::collect(request.into_body()).await;
        Response::new(empty())
    });
    let transport = transport(&server.await.address.to_string(), &ca, &ca.client());
    let pieces = futures::stream::iter([Err::<hyper::body::Frame<bytes::Bytes>, _>(
        io::Error::from(ErrorKind::ConnectionReset),
    )]);
    let request = Request::post("/build").body(http_body_util::StreamBody::new(pieces)).unwrap();
    let error = transport.send(request).await.unwrap_err();
    assert_eq!(*error.fault(), Fault::RequestBody);
}

#[tokio::test]
async fn what_the_runner_machine_supplied_is_the_systems_to_mend() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let server = Server::start(config(&theirs.server(&["127.0.0.1"]), &ours, BOTH), |_| async {});
    let address = server.await.address.to_string();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("certs");
    crate::certificates_directory::write(&path, &credentials(&ours, &ours.client())).unwrap();
    let credentials = Credentials::from_directory(&path).unwrap();
    let identity =
        Identity::check(&credentials, std::time::SystemTime::now(), DAY).unwrap().identity;
    let endpoint = Endpoint::parse(&address, Source::Setting("cluster.endpoint".into())).unwrap();
    let error = ask(&Transport::new(endpoint, identity, DAY)).await;
    let failure: Failure = error.into();
    assert_eq!(failure.blame(), Blame::System);
    let place = path.join("ca.pem").display().to_string();
    assert!(failure.render().contains(&place), "{}", failure.render());
}

//! Probes against a server on this machine. Times are short, and nothing is asserted of how many
//! requests fit into one: what is waited for is that enough have been seen.

mod server;

use std::time::Duration;

use rustls::ServerConfig;
use testkit::wait::{self, Seen};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use self::server::{Answers, OK, Server, UNAVAILABLE};
use super::*;

const LIMIT: Duration = Duration::from_secs(20);

fn options(url: &str) -> ProbeOptions {
    ProbeOptions {
        url: url.parse().unwrap(),
        interval: Duration::from_millis(10),
        timeout: Duration::from_secs(10),
        statuses: Statuses::default(),
        roots: Roots::System,
    }
}

fn to(server: &Server) -> ProbeOptions {
    options(&format!("http://{}/health", server.address))
}

fn probed(measured: Measured) -> Probed {
    measured.since(Instant::now())
}

/// Waits until what has been met so far is as it should be.
async fn until(running: &Running, what: &str, holds: impl Fn(&Probed) -> bool) {
    let look = async || {
        let seen = probed(running.so_far());
        if holds(&seen) { Seen::Ready(()) } else { Seen::NotYet(format!("{seen:?}")) }
    };
    wait::until(what, LIMIT, look).await.unwrap();
}

async fn until_server(server: &Server, what: &str, holds: impl Fn(&server::State) -> bool) {
    let look = async || {
        let seen = server.seen();
        if holds(&seen) { Seen::Ready(()) } else { Seen::NotYet(format!("{seen:?}")) }
    };
    wait::until(what, LIMIT, look).await.unwrap();
}

/// What is met by at least five requests of each kind.
async fn met_by(options: ProbeOptions) -> Probed {
    let running = start(options).unwrap();
    until(&running, "five of each kind", |seen| seen.fresh.sent >= 5 && seen.kept.sent >= 5).await;
    probed(running.stop().await)
}

/// The one error of requests that all fail.
async fn error_of(options: ProbeOptions) -> String {
    let seen = met_by(options).await;
    assert_eq!(
        (seen.fresh.failed, seen.kept.failed),
        (seen.fresh.sent, seen.kept.sent),
        "{seen:?}"
    );
    assert_eq!(seen.outages.len(), 1, "{seen:?}");
    seen.outages[0].error.clone()
}

#[tokio::test]
async fn one_kind_of_request_opens_connections_and_the_other_keeps_one() {
    let server = Server::start(OK).await;
    let seen = met_by(to(&server)).await;
    assert_eq!((seen.failed(), seen.outages.len()), (0, 0), "{seen:?}");
    assert_eq!(seen.url, format!("http://{}/health", server.address));
    let asked = server.seen();
    assert_eq!(u64::try_from(asked.accepted).unwrap(), seen.fresh.sent + 1);
    assert_eq!(u64::try_from(asked.requests.len()).unwrap(), seen.sent());
}

#[tokio::test]
async fn a_server_that_is_unavailable_for_a_while_is_one_outage() {
    let server = Server::start(OK).await;
    let running = start(to(&server)).unwrap();
    let watch_began = Instant::now();
    until(&running, "a success", |seen| seen.fresh.sent > 0).await;
    server.now(UNAVAILABLE);
    until(&running, "failures", |seen| seen.fresh.failed >= 3 && seen.kept.failed >= 3).await;
    // From here on until the server is told otherwise no request succeeds.
    let lasting = Duration::from_millis(50);
    tokio::time::sleep(lasting).await;
    server.now(OK);
    let failed = probed(running.so_far()).failed();
    let ended = |seen: &Probed| seen.fresh.sent + seen.kept.sent;
    let before = ended(&probed(running.so_far()));
    until(&running, "successes", |seen| ended(seen) >= before + 10).await;
    let seen = running.stop().await.since(watch_began);
    let [outage] = &seen.outages[..] else { panic!("{seen:?}") };
    assert_eq!(outage.error, "503 Service Unavailable");
    assert!(outage.failed >= failed && outage.failed == seen.failed(), "{seen:?}");
    assert!(seen.longest_gap >= lasting, "{seen:?}");
    let asked = server.seen();
    let fresh = usize::try_from(seen.fresh.sent).unwrap();
    assert_eq!(asked.accepted, fresh + 1, "a failed answer doesn't end the kept connection");
}

#[tokio::test]
async fn where_nobody_listens_connections_are_refused() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let options = options(&format!("http://{}/", socket.local_addr().unwrap()));
    assert_eq!(error_of(options).await, "connection refused");
}

#[tokio::test]
async fn a_connection_that_ends_without_an_answer_is_a_failure() {
    let server = Server::start(Answers::Closes).await;
    let words = "the connection was closed before an answer";
    assert_eq!(error_of(to(&server)).await, words);
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_a_failure() {
    let text = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok";
    let server = Server::start(Answers::AndCloses(text)).await;
    let words = "the connection was closed in the middle of the answer";
    assert_eq!(error_of(to(&server)).await, words);
}

#[tokio::test]
async fn what_is_not_http_is_a_failure() {
    let server = Server::start(Answers::AndCloses("220 mail.example.com ESMTP\r\n")).await;
    assert_eq!(error_of(to(&server)).await, "the answer is not HTTP");
}

#[tokio::test]
async fn a_name_without_an_address_is_a_failure() {
    // Too long to be asked of any name server.
    let url = format!("http://{}.invalid/", "x".repeat(64));
    assert_eq!(error_of(options(&url)).await, "the name has no address");
}

#[tokio::test]
async fn a_server_that_closes_after_its_answer_fails_nothing() {
    let announced = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
    let silently = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    for text in [announced, silently] {
        let server = Server::start(Answers::AndCloses(text)).await;
        let seen = met_by(to(&server)).await;
        assert_eq!(seen.failed(), 0, "{seen:?}");
        assert_eq!(u64::try_from(server.seen().accepted).unwrap(), seen.sent());
    }
}

#[tokio::test]
async fn of_a_long_answer_only_the_beginning_is_read() {
    let server = Server::start(Answers::WithBodyOf(8 * 1024 * 1024)).await;
    let mut options = to(&server);
    options.interval = Duration::from_millis(200);
    let seen = met_by(options).await;
    assert_eq!(seen.failed(), 0, "{seen:?}");
    assert_eq!(u64::try_from(server.seen().accepted).unwrap(), seen.sent());
}

#[tokio::test]
async fn redirections_are_answers_and_are_not_followed() {
    let text = "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n";
    let server = Server::start(Answers::With(text)).await;
    let seen = met_by(to(&server)).await;
    assert_eq!(seen.failed(), 0, "{seen:?}");
    let asked = server.seen().requests;
    assert!(asked.iter().all(|head| head.starts_with("GET /health HTTP/1.1\r\n")), "{asked:?}");
    let only_200 = ProbeOptions { statuses: "200".parse().unwrap(), ..to(&server) };
    assert_eq!(error_of(only_200).await, "302 Found");
}

#[tokio::test]
async fn slow_answers_overlap_up_to_a_bound() {
    let server = Server::start(Answers::Never).await;
    let mut options = to(&server);
    options.interval = Duration::from_millis(1);
    options.timeout = Duration::from_mins(10);
    let running = start(options).unwrap();
    let bound = 64 + 1;
    until_server(&server, "as many requests as may be", |seen| seen.open >= bound).await;
    // Many more would have gone out by now, were it not for the bound.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(server.seen().accepted, bound);
    assert_eq!(probed(running.so_far()).sent(), 0);
}

#[tokio::test]
async fn who_never_answers_times_out_and_is_asked_anew() {
    let server = Server::start(Answers::Never).await;
    let options = ProbeOptions { timeout: Duration::from_millis(50), ..to(&server) };
    assert_eq!(error_of(options).await, "timed out after 50ms");
}

#[tokio::test]
async fn stopping_waits_for_the_answers_to_what_was_sent() {
    let server = Server::start(Answers::Never).await;
    let mut options = to(&server);
    options.timeout = Duration::from_millis(300);
    options.interval = Duration::from_mins(1);
    let running = start(options).unwrap();
    until_server(&server, "the first requests", |seen| seen.requests.len() == 2).await;
    let seen = probed(running.stop().await);
    assert_eq!(seen.fresh, Count { sent: 1, failed: 1 });
    assert_eq!(seen.kept, Count { sent: 1, failed: 1 });
}

#[tokio::test]
async fn what_is_dropped_sends_nothing_more() {
    for answers in [OK, Answers::Never] {
        let server = Server::start(answers).await;
        let running = start(to(&server)).unwrap();
        until_server(&server, "requests", |seen| seen.requests.len() >= 4).await;
        drop(running);
        until_server(&server, "no connection", |seen| seen.open == 0).await;
        let sent = server.seen().requests.len();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(server.seen().requests.len(), sent);
    }
}

#[tokio::test]
async fn user_password_and_query_go_to_the_server_and_nowhere_else() {
    let server = Server::start(UNAVAILABLE).await;
    let options = options(&format!("http://ann:s3cr%20et@{}/in?token=s3cr", server.address));
    let running = start(options.clone()).unwrap();
    until(&running, "a failure", |seen| seen.failed() > 0).await;
    let shown = format!("{running:?} {options:?}");
    let measured = running.stop().await;
    let shown = format!("{shown} {measured:?} {:?}", probed(measured.clone()));
    assert!(!shown.contains("s3cr") && !shown.contains("ann"), "{shown}");
    let head = server.seen().requests.swap_remove(0);
    assert!(head.starts_with("GET /in?token=s3cr HTTP/1.1\r\n"), "{head}");
    for line in [
        format!("host: {}", server.address),
        "user-agent: swarm-executor".to_owned(),
        // ann:s3cr et
        "authorization: Basic YW5uOnMzY3IgZXQ=".to_owned(),
    ] {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{line}: {head}");
    }
}

/// A certificate for `name`, signed by itself, as the server's and as a root.
fn certificate(name: &str) -> (TlsAcceptor, Roots) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), Roots::Given(Arc::new(roots)))
}

#[tokio::test]
async fn https_is_asked_of_whom_the_roots_vouch_for() {
    let (acceptor, roots) = certificate("127.0.0.1");
    let server = Server::start_with(OK, Some(acceptor)).await;
    let url = format!("https://{}/health", server.address);
    let seen = met_by(ProbeOptions { roots, ..options(&url) }).await;
    assert_eq!(seen.failed(), 0, "{seen:?}");
    let (_, others) = certificate("127.0.0.1");
    let words = "TLS: its certificate is signed by nobody whom this machine trusts";
    assert_eq!(error_of(ProbeOptions { roots: others, ..options(&url) }).await, words);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_told_without_the_name() {
    let (acceptor, roots) = certificate("hostile.example.com");
    let server = Server::start_with(OK, Some(acceptor)).await;
    let url = format!("https://{}/", server.address);
    let words = "TLS: its certificate is for another name";
    assert_eq!(error_of(ProbeOptions { roots, ..options(&url) }).await, words);
}

#[tokio::test]
async fn plain_http_where_https_was_expected_is_told() {
    let server = Server::start(Answers::Unasked("HTTP/1.1 400 Bad Request\r\n\r\n")).await;
    let (_, roots) = certificate("127.0.0.1");
    let url = format!("https://{}/", server.address);
    assert_eq!(error_of(ProbeOptions { roots, ..options(&url) }).await, "it does not speak TLS");
}

#[test]
fn without_a_url_there_is_no_probe() {
    let mut settings = settings::Probe::default();
    assert!(ProbeOptions::of(&settings).is_none());
    settings.url = "http://a/".parse().ok();
    let options = ProbeOptions::of(&settings).unwrap();
    assert_eq!((options.interval, options.timeout), (settings.interval, settings.timeout));
}

//! The program as it waits for services, run as a script is or by hand.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

use agent::{Exit, Session, Start, host};
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, ChildStdout, Command, Stdio};
use tokio::io::AsyncReadExt;

const AGENT: &str = env!("CARGO_BIN_EXE_swarm-executor-agent");

/// The program at work.
fn probe(seconds: u32, targets: &[String]) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(AGENT)
        .args(["probe", &seconds.to_string()])
        .args(targets)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    (child, lines)
}

/// A port that nobody listens at, for now.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn a_service_is_told_as_soon_as_it_answers_and_others_are_waited_for() {
    let (early, late) = (TcpListener::bind("127.0.0.1:0").unwrap(), free());
    let early = early.local_addr().unwrap();
    let (mut child, mut lines) = probe(60, &[late.to_string(), early.to_string()]);
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, format!("ready {early}\n"));
    let _listening = TcpListener::bind(late).unwrap();
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, format!("ready {late}\n"));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_service_that_never_answers_is_told_with_the_reason_and_by_the_exit_code() {
    let (listening, closed) = (TcpListener::bind("127.0.0.1:0").unwrap(), free());
    let open = format!("localhost:{}", listening.local_addr().unwrap().port());
    let unknown = "no-such-name.invalid:80".to_owned();
    let (mut child, mut lines) = probe(1, &[closed.to_string(), unknown.clone(), open.clone()]);
    let mut said = String::new();
    lines.read_to_string(&mut said).unwrap();
    assert!(said.starts_with(&format!("ready {open}\n")), "{said}");
    assert!(said.contains(&format!("\nunready {closed} Connection refused")), "{said}");
    assert!(said.contains(&format!("\nunready {unknown} ")), "{said}");
    assert_eq!((said.lines().count(), child.wait().unwrap().code()), (3, Some(1)));
}

#[tokio::test]
async fn it_is_run_as_a_script_is() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap().to_string();
    let command = vec![AGENT.into(), "probe".into(), "10".into(), target.clone().into()];
    let start = Start { command, directory: "/".into(), ..Start::default() };
    let agent = host::spawn(AGENT.as_ref(), None).unwrap();
    let (session, _) = Session::open(agent);
    let mut running = session.start(start, b"").await.unwrap();
    let mut log = String::new();
    running.output.read_to_string(&mut log).await.unwrap();
    assert_eq!(log, format!("ready {target}\n"));
    assert_eq!(running.exited().await.unwrap(), Exit::Code(0));
}

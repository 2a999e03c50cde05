//! Clients that aren't docker's own: what they send, and what they are answered byte for byte.

use std::path::{Path, PathBuf};
use std::time::Duration;

use job::Result;
use play::{Cancel, Protocol};
use scenarios::{Scenario, runner};
use tempfile::TempDir;
use testkit::wait::{Seen, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

#[tokio::test]
async fn a_client_without_upgrade_gets_the_same_raw_stream_through_the_gateway() -> Result<()> {
    let scenario = Scenario::new()?;
    let manager = scenario.swarm.manager();
    let name = format!("raw{}", std::process::id());
    manager.docker(&["run", "--detach", "--name", &name, "jwilder/whoami"]).await?;
    let through = with_a_job_at(&scenario, async |socket| exec(socket, &name).await).await?;
    let direct = exec(&manager.admin_socket(), &name).await;
    assert_eq!(through, direct);
    assert!(direct.starts_with("HTTP/1.1 200 OK\n"), "{direct}");
    assert!(direct.ends_with("got hello\r\n"), "{direct}");
    manager.docker(&["rm", "--force", &name]).await.map(drop)
}

/// Runs a command in a container, on one connection, as clients without `Upgrade` do.
async fn exec(socket: &Path, container: &str) -> String {
    let mut client = Client::connect(socket).await;
    let command = r#"["sh", "-c", "read -r x; echo got $x"]"#;
    let spec =
        format!(r#"{{"AttachStdin": true, "AttachStdout": true, "Tty": true, "Cmd": {command}}}"#);
    client.post(&format!("/containers/{container}/exec"), &spec).await;
    let answer = client.hear("}\n").await;
    let id = answer.split('"').nth_back(1).unwrap_or_default();
    client.post(&format!("/exec/{id}/start"), r#"{"Tty": true}"#).await;
    let head = client.hear("\r\n\r\n").await;
    client.say("hello\n").await;
    in_order(&head) + &client.rest().await
}

#[tokio::test]
async fn a_kept_connection_to_the_gateway_serves_request_after_request() -> Result<()> {
    let scenario = Scenario::new()?;
    let through = with_a_job_at(&scenario, ask).await?;
    let direct = ask(&scenario.swarm.manager().admin_socket()).await;
    assert_eq!(through, direct);
    assert!(direct.contains("HTTP/1.1 404 Not Found\r\n"), "{direct}");
    Ok(())
}

/// The order of headers means nothing.
fn in_order(head: &str) -> String {
    let (status, headers) = head.split_once("\r\n").unwrap_or((head, ""));
    let mut headers: Vec<_> = headers.lines().filter(|line| !line.is_empty()).collect();
    headers.sort_unstable();
    format!("{status}\n{}\n\n", headers.join("\n"))
}

/// Asks several times on one connection; dates are left out of the answers.
async fn ask(socket: &Path) -> String {
    let mut client = Client::connect(socket).await;
    let mut answers = String::new();
    for _ in 0..3 {
        client.say("GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n").await;
        answers += &client.hear("\r\n\r\nOK").await;
    }
    client.say("GET /nosuch HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    answers += &client.rest().await;
    answers.split_inclusive('\n').filter(|line| !line.starts_with("Date: ")).collect()
}

/// Does `what` while a job runs whose socket is at the path that it is given.
async fn with_a_job_at(
    scenario: &Scenario,
    what: impl AsyncFnOnce(&Path) -> String,
) -> Result<String> {
    let meeting = TempDir::new().unwrap();
    let (host, done) = (meeting.path().join("host"), meeting.path().join("done"));
    let job = scenario.job("raw").script([
        format!("echo -n ${{DOCKER_HOST#unix://}} >{0}.new; mv {0}.new {0}", host.display()),
        format!("until [ -e {} ]; do sleep 0.05; done", done.display()),
    ]);
    let (runner, cancel) = (runner(Protocol::V19), Cancel::default());
    let client = async {
        let socket = until("the job's socket", Duration::from_secs(30), async || {
            match std::fs::read_to_string(&host) {
                Ok(socket) => Seen::Ready(PathBuf::from(socket)),
                Err(error) => Seen::NotYet(error.to_string()),
            }
        });
        let answer = match socket.await {
            Ok(socket) => Ok(what(&socket).await),
            Err(failure) => Err(failure),
        };
        std::fs::write(&done, "").unwrap();
        answer
    };
    let (outcome, answer) = tokio::join!(runner.play(&job, &cancel, |_| {}), client);
    assert!(outcome.is_success(), "{}", outcome.log_text());
    answer
}

struct Client(UnixStream);

impl Client {
    async fn connect(socket: &Path) -> Self {
        Self(UnixStream::connect(socket).await.unwrap())
    }

    async fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    async fn post(&mut self, path: &str, json: &str) {
        let length = json.len();
        let kind = "Content-Type: application/json";
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\n{kind}\r\nContent-Length: {length}\r\n\r\n"
        );
        self.say(&(head + json)).await;
    }

    /// Reads up to and with `end`.
    async fn hear(&mut self, end: &str) -> String {
        let mut heard = Vec::new();
        while !heard.ends_with(end.as_bytes()) {
            heard.push(self.0.read_u8().await.unwrap());
        }
        String::from_utf8(heard).unwrap()
    }

    /// Reads to the end.
    async fn rest(&mut self) -> String {
        let mut heard = String::new();
        self.0.read_to_string(&mut heard).await.unwrap();
        heard
    }
}

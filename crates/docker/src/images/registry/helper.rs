//! Credential helpers: programs that keep logins.
//!
//! The protocol is that of <https://github.com/docker/docker-credential-helpers>: the action is the
//! one argument, the server comes on standard input, JSON goes out. What a helper prints is never
//! shown, not even its errors: some print what they were given.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use humantime::format_duration;
use job::Secret;
use serde::Deserialize;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

use super::login::Access;

/// What a helper says when it has nothing for a server.
const NOT_FOUND: &[u8] = b"credentials not found in native keychain";

/// The user name that means that the secret is an identity token.
const TOKEN_USER: &str = "<token>";

/// Longest output read, in bytes.
const LONGEST: usize = 256 * 1024;

/// How helpers are run.
#[derive(Clone, Debug)]
pub struct Helpers {
    /// Where they are looked for; without it, in this process's `PATH`.
    pub path: Option<OsString>,
    /// The longest that one may take for one answer.
    pub timeout: Duration,
}

impl Default for Helpers {
    /// Half a minute: helpers of clouds ask over the network.
    fn default() -> Self {
        Self { path: None, timeout: Duration::from_secs(30) }
    }
}

/// A helper by its program's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Helper(String);

#[derive(Debug, Error)]
pub(super) enum HelperError {
    #[error("{program} cannot be started: {source}")]
    NotStarted { program: String, source: io::Error },
    #[error("{program} was lost: {source}")]
    Lost { program: String, source: io::Error },
    #[error("{program} {action} took longer than {}", format_duration(*limit))]
    TimedOut { program: String, action: &'static str, limit: Duration },
    #[error("{program} {action} failed ({status})")]
    Failed { program: String, action: &'static str, status: ExitStatus },
    #[error("{program} {action} does not answer as a credential helper does")]
    Malformed { program: String, action: &'static str },
}

/// A helper's answer to `get`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    username: String,
    secret: Zeroizing<String>,
}

struct Output {
    status: ExitStatus,
    text: Zeroizing<Vec<u8>>,
}

impl Helper {
    /// The helper called `name`, unless that leads elsewhere.
    pub(super) fn named(name: &str) -> Option<Self> {
        let plain = |c: char| !c.is_control() && c != '/' && c != '\\';
        let fits = !name.is_empty() && name.chars().all(plain);
        fits.then(|| Self(format!("docker-credential-{name}")))
    }

    /// The login for `server`, if the helper has one.
    pub(super) async fn get(
        &self,
        server: &str,
        how: &Helpers,
    ) -> Result<Option<Access>, HelperError> {
        let output = self.run("get", server, how).await?;
        if !output.status.success() && output.text.trim_ascii() == NOT_FOUND {
            return Ok(None);
        }
        let Found { username, secret } = self.parse("get", &output)?;
        let secret: Secret = secret.as_str().to_owned().into();
        Ok(Some(match username.as_str() {
            TOKEN_USER => Access::Identity(secret),
            _ => Access::Password { username, password: secret },
        }))
    }

    /// The servers that the helper has a login for.
    pub(super) async fn list(&self, how: &Helpers) -> Result<Vec<String>, HelperError> {
        // Helpers wait for a line that says nothing.
        let output = self.run("list", "unused", how).await?;
        let users: BTreeMap<String, String> = self.parse("list", &output)?;
        Ok(users.into_keys().collect())
    }

    async fn run(
        &self,
        action: &'static str,
        input: &str,
        how: &Helpers,
    ) -> Result<Output, HelperError> {
        let program = || self.0.clone();
        let mut child = self
            .command(action, how)
            .spawn()
            .map_err(|source| HelperError::NotStarted { program: program(), source })?;
        match tokio::time::timeout(how.timeout, converse(&mut child, input)).await {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(source)) => Err(HelperError::Lost { program: program(), source }),
            Err(_) => Err(HelperError::TimedOut { program: program(), action, limit: how.timeout }),
        }
    }

    fn command(&self, action: &str, how: &Helpers) -> Command {
        let mut command = Command::new(&self.0);
        command.arg(action).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.kill_on_drop(true);
        if let Some(path) = &how.path {
            command.env("PATH", path);
        }
        command
    }

    fn parse<'a, T: Deserialize<'a>>(
        &self,
        action: &'static str,
        output: &'a Output,
    ) -> Result<T, HelperError> {
        let program = self.0.clone();
        if !output.status.success() {
            return Err(HelperError::Failed { program, action, status: output.status });
        }
        serde_json::from_slice(&output.text).map_err(|_| HelperError::Malformed { program, action })
    }
}

/// Tells the helper what it is asked about and waits for its answer and its end.
async fn converse(child: &mut Child, input: &str) -> io::Result<Output> {
    if let Some(mut stdin) = child.stdin.take() {
        // A helper need not read what it doesn't use.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
    // Sized beforehand, so that no copy is left behind in growing.
    let mut text = Zeroizing::new(Vec::with_capacity(LONGEST));
    if let Some(stdout) = child.stdout.take() {
        stdout.take(LONGEST as u64 - 1).read_to_end(&mut text).await?;
    }
    Ok(Output { status: child.wait().await?, text })
}

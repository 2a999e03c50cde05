//! Plays the same shell lines as a job's script, through the gateway, and directly over mutual
//! TLS, with every docker CLI of this machine, and compares what they told.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use job::{Failure, Result};
use play::{Cancel, Protocol, Sources};
use scenarios::{Left, Scenario, left_by, runner};
use tempfile::TempDir;
use tokio::process::Command;

/// Plays rows; see there.
const PLAY: &str = include_str!("play.sh");

/// One thing that people do with `docker`.
pub(crate) struct Row {
    /// Names the row's files and, after a prefix, what the row makes: `$N`.
    pub(crate) name: &'static str,
    /// Lines for bash. `$IMAGE` is one that every node has.
    pub(crate) script: &'static str,
    /// What must be told either way, or the row would prove nothing: a piece of stdout, of stderr
    /// after "! " on each line, and of the exit code's line at the end.
    pub(crate) tells: &'static str,
}

/// Plays the rows with each CLI, and fails with all those that tell something else than directly.
pub(crate) async fn same(group: &str, rows: &[Row]) -> Result<()> {
    let scenario = Scenario::new()?;
    let directories = cli_directories();
    assert!(!directories.is_empty(), "no docker CLI is on PATH");
    for (number, directory) in directories.iter().enumerate() {
        let prefix = format!("{group}{}x{number}", std::process::id());
        let stage = Stage::set(rows, directory, prefix)?;
        let (through, direct) =
            tokio::try_join!(stage.through_the_gateway(&scenario), stage.directly(&scenario))?;
        let differences: Vec<_> =
            rows.iter().filter_map(|row| difference(row, &through, &direct)).collect();
        assert!(differences.is_empty(), "{}: {}", directory.display(), differences.concat());
    }
    Ok(())
}

/// Every directory on PATH that has a docker CLI of its own.
fn cli_directories() -> Vec<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "it is this machine's PATH that is asked for")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut programs = Vec::new();
    let mut directories = Vec::new();
    for directory in std::env::split_paths(&path) {
        let Ok(program) = directory.join("docker").canonicalize() else { continue };
        if !programs.contains(&program) {
            programs.push(program);
            directories.push(directory);
        }
    }
    directories
}

struct Stage {
    directory: TempDir,
    prefix: String,
    cli: PathBuf,
}

impl Stage {
    fn set(rows: &[Row], cli: &Path, prefix: String) -> Result<Self> {
        let set = || {
            let directory = TempDir::with_prefix("gateway-")?;
            fs::write(directory.path().join("play.sh"), PLAY)?;
            fs::create_dir(directory.path().join("rows"))?;
            for row in rows {
                fs::write(
                    directory.path().join("rows").join(row.name).with_extension("sh"),
                    row.script,
                )?;
            }
            Ok(directory)
        };
        let directory = set().map_err(|error: std::io::Error| {
            Failure::system("cannot write the rows").caused_by(error)
        })?;
        Ok(Self { directory, prefix, cli: cli.to_owned() })
    }

    /// The line that plays the rows; `side` tells what the two make apart.
    fn line(&self, side: &str) -> String {
        format!(
            "PATH={}:$PATH bash {directory}/play.sh {directory}/rows {directory}/{side} {}{side}",
            self.cli.display(),
            self.prefix,
            directory = self.directory.path().display(),
        )
    }

    async fn through_the_gateway(&self, scenario: &Scenario) -> Result<PathBuf> {
        let job = scenario.job("rows").sources(Sources::None).script([self.line("a")]);
        let outcome = runner(Protocol::V19).play(&job, &Cancel::default(), |_| {}).await;
        assert!(outcome.is_success(), "{}", outcome.log_text());
        assert_eq!(left_by(&job), Left::default());
        Ok(self.directory.path().join("a"))
    }

    async fn directly(&self, scenario: &Scenario) -> Result<PathBuf> {
        let certificates = self.directory.path().join("certificates");
        scenario.credentials.identity.write_to(&certificates)?;
        let mut command = std::process::Command::new("bash");
        command
            .args(["-c", &self.line("b")])
            .env("DOCKER_HOST", &scenario.credentials.endpoint)
            .env("DOCKER_TLS_VERIFY", "1")
            .env("DOCKER_CERT_PATH", &certificates)
            .process_group(0)
            .stdin(Stdio::null());
        let played = Command::from(command).output().await;
        let played = played.map_err(|error| Failure::system("cannot run bash").caused_by(error))?;
        assert!(played.status.success(), "{}", String::from_utf8_lossy(&played.stderr));
        Ok(self.directory.path().join("b"))
    }
}

/// What is wrong with a row, in words for whoever reads the test's failure.
fn difference(row: &Row, through: &Path, direct: &Path) -> Option<String> {
    let told = |side: &Path| {
        fs::read_to_string(side.join(row.name)).unwrap_or_else(|error| format!("{error}\n"))
    };
    let (through, direct) = (told(through), told(direct));
    let lacks = [&through, &direct].iter().any(|told| !told.contains(row.tells));
    if through == direct && !lacks {
        return None;
    }
    let wanted = if lacks { format!("-- must tell\n{}\n", row.tells) } else { String::new() };
    Some(format!(
        "\n== {}\n{}\n{wanted}-- through the gateway\n{through}-- directly\n{direct}",
        row.name, row.script
    ))
}

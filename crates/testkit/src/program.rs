//! Runs a program to its end and turns a bad exit into a failure that names it.

use std::process::{Output, Stdio};

use job::{Failure, Result};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Where Debian keeps its programs.
pub(crate) const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs the command with no input; the result is its stdout without trailing newlines.
pub(crate) async fn run(command: Command) -> Result<String> {
    run_with_input(command, &[]).await
}

/// Runs the command with `input` on its stdin; the result is its stdout without trailing newlines.
///
/// # Errors
///
/// The program could not be started, or ended badly: then the failure carries its stderr.
pub(crate) async fn run_with_input(mut command: Command, input: &[u8]) -> Result<String> {
    let shown = shown(&command);
    let wrap = |error| Failure::system(format!("cannot run `{shown}`")).caused_by(error);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().map_err(wrap)?;
    let stdin = child.stdin.take();
    let feed = async {
        if let Some(mut stdin) = stdin {
            // A program that ends before it has read everything says so by its exit code.
            let _ = stdin.write_all(input).await;
        }
    };
    let (output, ()) = tokio::join!(child.wait_with_output(), feed);
    judge(&shown, &output.map_err(wrap)?)
}

fn judge(shown: &str, output: &Output) -> Result<String> {
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Failure::system(format!("`{shown}`: {}", output.status)).caused_by(stderr));
    }
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.truncate(text.trim_end_matches('\n').len());
    Ok(text)
}

fn shown(command: &Command) -> String {
    let command = command.as_std();
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn a_bad_exit_names_the_program_its_status_and_what_it_said() {
        let failure = run(shell("echo broken >&2; exit 3")).await.unwrap_err();
        assert_eq!(failure.render(), "`sh -c echo broken >&2; exit 3`: exit status: 3: broken");
    }

    #[tokio::test]
    async fn input_is_fed_and_output_returned() {
        assert_eq!(run_with_input(shell("tr a-z A-Z"), b"hello\n").await.unwrap(), "HELLO");
    }
}

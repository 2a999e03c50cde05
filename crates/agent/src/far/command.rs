//! What to execute: the command as given, or ended by the first shell that there is.

use crate::message::Start;
use rustix::fs::{Access, access};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where a program is looked for when there is no `PATH`
/// (<https://man7.org/linux/man-pages/man3/exec.3.html>).
const NO_PATH: &str = "/bin:/usr/bin";

/// Why there is nothing to execute.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    #[error("no shell was named")]
    Empty,
    #[error("there is no shell {shells} on PATH={path}")]
    NotFound { shells: String, path: String },
}

/// A program and its arguments.
pub(super) struct Complete {
    pub(super) program: OsString,
    pub(super) arguments: Vec<OsString>,
}

pub(super) fn complete(start: &Start) -> Result<Complete, CommandError> {
    let mut all = start.command.iter().chain(choose(start)?).cloned();
    let program = all.next().ok_or(CommandError::Empty)?;
    Ok(Complete { program, arguments: all.collect() })
}

/// The first shell that there is, when there is a choice.
fn choose(start: &Start) -> Result<Option<&OsString>, CommandError> {
    if start.shells.is_empty() {
        return Ok(None);
    }
    let path = path(start).unwrap_or_else(|| NO_PATH.into());
    let exists = |shell: &&OsString| {
        candidates(shell, &path).any(|file| file.is_file() && access(file, Access::EXEC_OK).is_ok())
    };
    start.shells.iter().find(exists).map(Some).ok_or_else(|| {
        let shells: Vec<_> = start.shells.iter().map(OsString::as_os_str).collect();
        not_found(&shells, start)
    })
}

fn candidates<'a>(shell: &'a OsStr, path: &'a OsStr) -> impl Iterator<Item = PathBuf> + 'a {
    let directories = path.as_bytes().split(|byte| *byte == b':').map(OsStr::from_bytes);
    // To join an absolute path is to replace by it.
    directories.map(move |directory| Path::new(directory).join(shell))
}

/// The failure to find any of these.
pub(super) fn not_found(shells: &[&OsStr], start: &Start) -> CommandError {
    let names: Vec<_> = shells.iter().map(|shell| format!("`{}`", shell.display())).collect();
    let path = path(start).map_or("(not set)".into(), |path| path.display().to_string());
    CommandError::NotFound { shells: names.join(" or "), path }
}

/// The `PATH` of the script.
fn path(start: &Start) -> Option<OsString> {
    let given = start.environment.iter().rfind(|(name, _)| name == "PATH");
    let inherited = || if start.inherit { own_path() } else { None };
    given.map(|(_, value)| value.clone()).or_else(inherited)
}

#[expect(clippy::disallowed_methods, reason = "an agent is no stage: its environment is a place's")]
fn own_path() -> Option<OsString> {
    std::env::var_os("PATH")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(command: &[&str], shells: &[&str]) -> Start {
        let all = |names: &[&str]| names.iter().map(OsString::from).collect();
        let environment = vec![("PATH".into(), "/nowhere:/bin".into())];
        Start { command: all(command), shells: all(shells), environment, ..Start::default() }
    }

    fn completed(command: &[&str], shells: &[&str]) -> Result<Vec<OsString>, String> {
        let Complete { program, mut arguments } =
            complete(&start(command, shells)).map_err(|error| error.to_string())?;
        arguments.insert(0, program);
        Ok(arguments)
    }

    #[test]
    fn the_first_shell_that_there_is_ends_the_command() {
        let whole = completed(&["/entrypoint.sh", "--quiet"], &["bash9", "sh", "bash"]);
        assert_eq!(whole.unwrap(), ["/entrypoint.sh", "--quiet", "sh"]);
        assert_eq!(completed(&[], &["/bin/sh"]).unwrap(), ["/bin/sh"]);
    }

    #[test]
    fn a_command_without_a_choice_of_shells_is_taken_as_it_is() {
        assert_eq!(completed(&["bash9", "-e"], &[]).unwrap(), ["bash9", "-e"]);
    }

    #[test]
    fn no_shell_at_all_is_told_with_where_they_were_looked_for() {
        let error = completed(&["/entrypoint.sh"], &["bash9", "sh9"]).unwrap_err();
        assert_eq!(error, "there is no shell `bash9` or `sh9` on PATH=/nowhere:/bin");
        assert_eq!(completed(&[], &[]).unwrap_err(), "no shell was named");
    }
}

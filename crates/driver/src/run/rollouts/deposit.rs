//! Files into the project's directory, at the place of the job's scripts, where `artifacts:` finds
//! them.
//!
//! A small script writes them, for that is the one way to every place. It needs nothing but the
//! shell that the job's scripts need too.

use std::fmt::Write as _;

use agent::Exit;
use job::{Failure, Result};

use crate::run::Place;

/// A file to write: its name and what is to be in it.
pub(super) type File = (String, String);

/// Writes files into `directory` at a place.
///
/// # Errors
/// The directory can't be written to, or the place is lost.
pub(super) async fn deposit(place: &impl Place, directory: &str, files: &[File]) -> Result<()> {
    let cannot = || Failure::system(format!("cannot write the rollout's report into {directory}"));
    let written = place.aside(script(directory, files).as_bytes()).await;
    let aside = written.map_err(|failure| cannot().caused_by(failure.render()))?;
    match aside.exit {
        Exit::Code(0) => Ok(()),
        _ => Err(cannot().caused_by(aside.output.trim().to_owned())),
    }
}

/// A POSIX script out of words that every shell has built in.
fn script(directory: &str, files: &[File]) -> String {
    let directory = quoted(directory);
    let mut script = format!(
        "exec 2>&1\n[ -d {directory} ] || mkdir -p {directory}\ncd {directory} || exit 1\n"
    );
    for (name, contents) in files {
        let (name, contents) = (quoted(name), quoted(contents));
        let _ =
            writeln!(script, "rm -f {name} 2>/dev/null\nprintf %s {contents} > {name} || exit 1");
    }
    script
}

/// As one word of a shell: <https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_02_02>.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn whatever_is_in_a_file_arrives_as_it_is() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("it's $HOME");
        let contents = "it's \"quoted\"\n$HOME `id` \\n %s\n\n".to_owned();
        let files = [("rollout.json".to_owned(), contents.clone())];
        let script = script(directory.to_str().unwrap(), &files);
        let status = Command::new("sh").arg("-c").arg(script).status().unwrap();
        assert!(status.success());
        assert_eq!(std::fs::read_to_string(directory.join("rollout.json")).unwrap(), contents);
    }

    #[test]
    fn a_link_in_the_way_is_replaced_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let elsewhere = place.path().join("elsewhere");
        std::fs::write(&elsewhere, "kept").unwrap();
        std::os::unix::fs::symlink(&elsewhere, place.path().join("rollout.json")).unwrap();
        let files = [("rollout.json".to_owned(), "{}".to_owned())];
        let script = script(place.path().to_str().unwrap(), &files);
        assert!(Command::new("sh").arg("-c").arg(script).status().unwrap().success());
        assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "kept");
        assert_eq!(std::fs::read_to_string(place.path().join("rollout.json")).unwrap(), "{}");
    }
}

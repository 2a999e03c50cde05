//! What git knows about the project that the file lies in.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The project around a `.gitlab-ci.yml`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Checkout {
    /// The repository's top directory, or the file's where there is no repository.
    pub(crate) dir: PathBuf,
    /// The commit; empty outside git and before the first one.
    pub(crate) sha: String,
    /// The branch; `main` where there is none.
    pub(crate) branch: String,
}

impl Checkout {
    /// Looks around `file`.
    pub(crate) fn around(file: &Path) -> Self {
        let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        let dir = file.parent().unwrap_or(Path::new("/"));
        let branch = git(dir, &["symbolic-ref", "--quiet", "--short", "HEAD"]);
        Self {
            sha: git(dir, &["rev-parse", "--quiet", "--verify", "HEAD"]).unwrap_or_default(),
            branch: branch.unwrap_or_else(|| "main".to_owned()),
            dir: git(dir, &["rev-parse", "--show-toplevel"]).map_or(dir.to_owned(), PathBuf::from),
        }
    }

    /// What the project is called.
    pub(crate) fn name(&self) -> String {
        self.dir.file_name().map_or("project".into(), |name| name.to_string_lossy().into_owned())
    }
}

/// The one line that git answers, if it does; a machine without git has no repositories.
fn git(dir: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new("git").current_dir(dir).args(args).output().ok()?;
    let line = String::from_utf8(output.stdout).ok()?.trim_end().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}

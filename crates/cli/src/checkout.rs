//! What git knows about the project that the file lies in, and how much of it a job is given.

use std::path::{Path, PathBuf};
use std::process::Command;

use job::{Failure, Result};
use play::{Sources, Variable};

/// How many commits GitLab has a job fetch, unless the project or `GIT_DEPTH` says otherwise
/// (<https://docs.gitlab.com/ci/pipelines/settings/#limit-the-number-of-changes-fetched-during-clone>).
const DEPTH: u32 = 20;

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

    /// What fills the project directory, by the job's `GIT_STRATEGY`: to clone and to fetch are the
    /// same for a directory that is made anew
    /// (<https://docs.gitlab.com/ci/runners/configure_runners/#git-strategy>).
    pub(crate) fn sources(&self, variables: &[Variable]) -> Result<Sources> {
        match last(variables, "GIT_STRATEGY") {
            None | Some("clone" | "fetch") => Ok(Sources::WorkingTree(self.dir.clone())),
            Some("none") => Ok(Sources::None),
            Some("empty") => Ok(Sources::Empty),
            Some(other) => Err(Failure::job(format!("GIT_STRATEGY is {other:?}"))
                .hint("it can be clone, fetch, none or empty")),
        }
    }

    /// What the project is called.
    pub(crate) fn name(&self) -> String {
        self.dir.file_name().map_or("project".into(), |name| name.to_string_lossy().into_owned())
    }
}

/// How many commits come with the working tree; all of them with 0.
pub(crate) fn depth(variables: &[Variable]) -> u32 {
    last(variables, "GIT_DEPTH").and_then(|depth| depth.parse().ok()).unwrap_or(DEPTH)
}

fn last<'a>(variables: &'a [Variable], key: &str) -> Option<&'a str> {
    let value = variables.iter().rev().find(|variable| variable.key == key)?.value.as_str();
    (!value.is_empty()).then_some(value)
}

/// The one line that git answers, if it does; a machine without git has no repositories.
fn git(dir: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new("git").current_dir(dir).args(args).output().ok()?;
    let line = String::from_utf8(output.stdout).ok()?.trim_end().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}

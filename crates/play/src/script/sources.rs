//! The stage that fills the project directory, and what is done to the git repository in there.
//!
//! Left out of gitlab-runner's scripts, for no driver sees the difference: submodules, and the file
//! outside the repository that newer ones keep a URL's credentials in.

use std::path::Path;

use super::Scripts;
use crate::environment::Server;
use crate::writer::Writer;
use crate::{Sources, Variable};

/// What a git that was killed leaves.
const LOCKS: [&str; 5] =
    ["index.lock", "shallow.lock", "HEAD.lock", "hooks/post-checkout", "config.lock"];

/// How a new repository is configured; the last two came after 14.7.
const TEMPLATE: [(&str, &str); 4] = [
    ("init.defaultBranch", "none"),
    ("fetch.recurseSubmodules", "false"),
    ("credential.interactive", "never"),
    ("gc.autoDetach", "false"),
];

const BRANCHES: &str = "+refs/heads/*:refs/remotes/origin/*";
const TAGS: &str = "+refs/tags/*:refs/tags/*";

impl Scripts<'_> {
    pub(super) fn get_sources(&self, writer: &mut Writer) -> bool {
        let project_dir = self.place.project_dir.as_str();
        writer.exports(self.variables);
        if self.protocol.is_modern() {
            writer.variable(&Variable::new("GIT_TERMINAL_PROMPT", "0"));
            writer.variable(&Variable::new("GCM_INTERACTIVE", "Never"));
        }
        writer.variable(&Variable::new("GIT_LFS_SKIP_SMUDGE", "1"));
        match &self.job.sources {
            Sources::None => {
                writer.notice("Skipping Git repository setup");
                writer.command(&["mkdir", "-p", project_dir]);
                writer.notice("Skipping Git checkout");
            }
            Sources::Empty => {
                writer
                    .notice("Skipping Git repository setup and creating an empty build directory");
                writer.remove_dir(project_dir);
                writer.command(&["mkdir", "-p", project_dir]);
                writer.notice("Skipping Git checkout");
            }
            Sources::Clone { url } => self.fetch_and_check_out(writer, url),
            Sources::WorkingTree(source) => copy_working_tree(writer, source, project_dir),
        }
        true
    }

    fn fetch_and_check_out(&self, writer: &mut Writer, url: &str) {
        let project_dir = self.place.project_dir.as_str();
        self.clean_git(writer);
        let template = self.template(writer);
        match self.job.git.depth {
            0 => writer.notice("Fetching changes..."),
            depth => {
                writer.notice(&format!("Fetching changes with git depth set to {depth}..."));
            }
        }
        writer.command(&["git", "init", project_dir, "--template", &template]);
        writer.command(&["cd", project_dir]);
        writer.when(
            &["git", "remote", "add", "origin", url],
            |writer| writer.notice("Created fresh repository."),
            Some(&|writer| writer.command(&["git", "remote", "set-url", "origin", url])),
        );
        self.fetch(writer);
        self.check_out(writer);
        writer.notice("Skipping Git submodules setup");
        self.forget_credentials(writer);
    }

    fn template(&self, writer: &mut Writer) -> String {
        let directory = writer.temp_directory("git-template");
        let file = format!("{directory}/config");
        let known = if self.protocol.is_modern() { TEMPLATE.len() } else { 2 };
        for (name, value) in &TEMPLATE[..known] {
            writer.command(&["git", "config", "-f", &file, name, value]);
        }
        directory
    }

    /// Without a limit of its depth, a repository that had one gets the rest.
    fn fetch(&self, writer: &mut Writer) {
        let version = self.protocol.version();
        let agent = format!("http.userAgent=gitlab-runner {version} linux/amd64");
        let depth = self.job.git.depth.to_string();
        let mut words = vec!["git", "-c", &agent, "fetch", "origin"];
        if self.protocol.is_modern() {
            words.push("--no-recurse-submodules");
        }
        words.extend([BRANCHES, TAGS]);
        if self.job.git.depth > 0 {
            words.extend(["--depth", &depth]);
        }
        words.extend(["--prune", "--quiet"]);
        if self.job.git.depth > 0 || !self.protocol.is_modern() {
            return writer.command(&words);
        }
        let all = [words.as_slice(), &["--unshallow"]].concat();
        let otherwise = |writer: &mut Writer| writer.command(&words);
        writer.when_there("-e", ".git/shallow", |it| it.command(&all), Some(&otherwise));
    }

    fn check_out(&self, writer: &mut Writer) {
        let git = &self.job.git;
        let commit = match git.sha.as_str() {
            "" if git.is_tag => format!("refs/tags/{}", git.ref_name),
            "" => format!("refs/remotes/origin/{}", git.ref_name),
            sha => sha.to_owned(),
        };
        let (short, name) = (commit.chars().take(8).collect::<String>(), &git.ref_name);
        if self.protocol.is_modern() {
            writer.notice(&format!("Checking out {short} as detached HEAD (ref is {name})..."));
            let checkout = ["git", "-c", "submodule.recurse=false", "checkout", "-f", "-q"];
            writer.command(&[checkout.as_slice(), &[&commit]].concat());
        } else {
            writer.notice(&format!("Checking out {short} as {name}..."));
            writer.command(&["git", "checkout", "-f", "-q", &commit]);
        }
        writer.command(&["git", "clean", "-ffdx"]);
        let pull = |writer: &mut Writer| {
            writer.command(&["git", "lfs", "pull"]);
            writer.line("echo");
        };
        writer.when(&["git", "lfs", "version"], pull, None);
    }

    pub(super) fn clear_worktree(&self, writer: &mut Writer) -> bool {
        let project_dir = self.place.project_dir.as_str();
        writer.notice("Deleting tracked and untracked files...");
        let clear = |writer: &mut Writer| {
            writer.command(&["cd", project_dir]);
            writer.command(&["git", "rm", "-rf", "--ignore-unmatch", "--quiet", "."]);
            writer.command(&["git", "clean", "-ffdx", "-q"]);
        };
        writer.when_there("-d", project_dir, clear, None);
        true
    }

    /// Locks, and since 14.7 also what a job could have left for the next one's git to run.
    pub(super) fn clean_git(&self, writer: &mut Writer) {
        let git_dir = format!("{}/.git", self.place.project_dir);
        for lock in LOCKS {
            writer.remove_file(&format!("{git_dir}/{lock}"));
        }
        if !self.protocol.is_modern() {
            return;
        }
        writer.remove_files_below(&format!("{git_dir}/refs"), "*.lock");
        if self.job.sources == Sources::None {
            return;
        }
        for directory in [writer.temp_file("git-template"), git_dir] {
            writer.remove_file(&format!("{directory}/config"));
            writer.remove_dir(&format!("{directory}/hooks"));
        }
    }

    /// Makes git's credential helpers forget what they may have kept; 14.7 leaves it to them.
    pub(super) fn forget_credentials(&self, writer: &mut Writer) {
        let Sources::Clone { url } = &self.job.sources else { return };
        if self.protocol.is_modern() && url.starts_with("http") {
            let asked = format!("url={}\nusername=gitlab-ci-token", Server::of(url).url);
            let asked = writer.word(&asked);
            writer.line(&format!("echo {asked} | git credential reject || true"));
        }
    }
}

/// A repository that shares the source's objects, with the source's files as they are now laid
/// over its last commit; a plain copy where the source is no repository's top directory.
fn copy_working_tree(writer: &mut Writer, source: &Path, project_dir: &str) {
    let source = source.display().to_string();
    let source = source.as_str();
    let (from, to) = (writer.word(source), writer.word(project_dir));
    writer.notice(&format!("Copying the working tree {source}..."));
    writer.remove_dir(project_dir);
    writer.when(
        &["test", "-e", &format!("{source}/.git")],
        |writer| {
            start_repository(writer, source, project_dir);
            writer.line(&format!("(cd {from} && {LISTED_FILES}) | tar -C {to} -xof -"));
        },
        Some(&|writer| {
            writer.command(&["mkdir", "-p", project_dir]);
            writer.line(&format!("tar -C {from} -cf - . | tar -C {to} -xof -"));
        }),
    );
}

fn start_repository(writer: &mut Writer, source: &str, project_dir: &str) {
    writer.when(
        &["git", "-C", source, "rev-parse", "--verify", "HEAD"],
        |writer| {
            let clone = ["git", "clone", "--quiet", "--shared", "--no-checkout"];
            writer.command(&[clone.as_slice(), &[source, project_dir]].concat());
            writer.command(&["git", "-C", project_dir, "reset", "--quiet"]);
        },
        Some(&|writer| writer.command(&["git", "init", "--quiet", project_dir])),
    );
}

/// An archive of what git would list; files that it lists but that are gone are left out.
const LISTED_FILES: &str = "git ls-files -z --cached --others --exclude-standard \
| xargs -0 sh -c 'for f; do if [ -e \"$f\" ] || [ -L \"$f\" ]; then printf \"%s\\0\" \"$f\"; fi; done' sh \
| tar --null --no-recursion -T - -cf -";

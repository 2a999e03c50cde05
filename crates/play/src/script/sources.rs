//! The stage that fills the project directory, and what is done to the git repository in there.
//!
//! Left out of gitlab-runner's scripts, for no driver sees the difference: submodules, and the file
//! outside the repository that newer ones keep a URL's credentials in.

use std::path::Path;

use super::Scripts;
use crate::environment::Server;
use crate::tree::Piece;
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
            // Comes in pieces, each in a script of its own.
            Sources::WorkingTree(_) => return false,
        }
        true
    }

    /// Adds a piece of a packed working tree to those before it; the last one makes the project
    /// directory of them.
    pub(super) fn get_piece(&self, writer: &mut Writer, tree: &Path, piece: &Piece) {
        let archive = writer.temp_file("working-tree.tar.gz");
        if piece.is_first {
            writer.exports(self.variables);
            writer.notice(&format!("Copying the working tree {}...", tree.display()));
            writer.remove_file(&archive);
        }
        writer.append(&archive, &piece.bytes);
        if piece.is_last {
            writer.unpack(&archive, &self.place.project_dir);
            writer.remove_file(&archive);
        }
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

//! What each stage's script does.
//!
//! Modelled on `shells/abstract.go`. A stage with nothing to do has no script and is skipped, as
//! gitlab-runner skips it. Caches and artifacts are never moved: their stages say what they say on
//! a machine where the job has no `gitlab-runner` at hand.

use std::path::Path;

use crate::environment::Place;
use crate::writer::Writer;
use crate::{Job, Protocol, Shell, Sources, Variable, Variables};

/// Makes the scripts of one attempt.
#[derive(Debug)]
pub(crate) struct Scripts<'a> {
    pub(crate) protocol: Protocol,
    pub(crate) shell: Shell,
    pub(crate) job: &'a Job,
    pub(crate) place: &'a Place,
    /// What config calls this machine.
    pub(crate) hostname: Option<&'a str>,
    pub(crate) variables: &'a Variables,
}

impl Scripts<'_> {
    /// The script of a stage by gitlab-runner's name for it; nothing where it is skipped.
    pub(crate) fn of(&self, stage: &str) -> Option<String> {
        let job = self.job;
        let temp_dir = self.place.temp_dir();
        let mut writer = Writer::new(self.protocol, self.shell, self.variables, temp_dir);
        let written = match stage {
            "prepare_script" => self.prepare(&mut writer),
            "get_sources" => self.get_sources(&mut writer),
            "clear_worktree" => self.clear_worktree(&mut writer),
            "restore_cache" => self.unavailable(&mut writer, &job.caches, "Extracting cache"),
            "download_artifacts" => {
                self.unavailable(&mut writer, &job.dependencies, "Artifacts downloading")
            }
            "after_script" => self.after_script(&mut writer),
            "archive_cache" | "archive_cache_on_failure" => {
                self.unavailable(&mut writer, &job.caches, "Creating cache")
            }
            "upload_artifacts_on_success" | "upload_artifacts_on_failure" => {
                self.unavailable(&mut writer, &job.artifacts, "Uploading artifacts")
            }
            "cleanup_file_variables" => self.cleanup(&mut writer),
            step => self.step(&mut writer, step.strip_prefix("step_")?),
        };
        written.then(|| writer.finish())
    }

    fn prepare(&self, writer: &mut Writer) -> bool {
        let host = self.hostname.map(|name| format!(" via {name}")).unwrap_or_default();
        writer.line(&format!("echo \"Running on $(hostname){host}...\""));
        if self.protocol.is_modern() {
            writer.remove_file(&writer.temp_file("gitlab_runner_env"));
            writer.remove_file(&writer.temp_file("masking.db"));
        }
        true
    }

    fn get_sources(&self, writer: &mut Writer) -> bool {
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
            Sources::Clone { url } => self.fetch_and_checkout(writer, url),
            Sources::WorkingTree(source) => copy_working_tree(writer, source, project_dir),
        }
        true
    }

    fn fetch_and_checkout(&self, writer: &mut Writer, url: &str) {
        let (git, project_dir) = (&self.job.git, self.place.project_dir.as_str());
        writer.notice("Fetching changes...");
        writer.command(&["git", "init", project_dir]);
        writer.command(&["cd", project_dir]);
        writer.when(
            &["git", "remote", "add", "origin", url],
            |writer| writer.notice("Created fresh repository."),
            Some(&|writer| writer.command(&["git", "remote", "set-url", "origin", url])),
        );
        let branches = "+refs/heads/*:refs/remotes/origin/*";
        let tags = "+refs/tags/*:refs/tags/*";
        writer.command(&["git", "fetch", "origin", "--no-recurse-submodules", branches, tags]);
        let commit = match git.sha.as_str() {
            "" if git.is_tag => format!("refs/tags/{}", git.ref_name),
            "" => format!("refs/remotes/origin/{}", git.ref_name),
            sha => sha.to_owned(),
        };
        let short: String = commit.chars().take(8).collect();
        writer
            .notice(&format!("Checking out {short} as detached HEAD (ref is {})...", git.ref_name));
        writer.command(&["git", "checkout", "-f", "-q", &commit]);
        writer.command(&["git", "clean", "-ffdx"]);
    }

    fn clear_worktree(&self, writer: &mut Writer) -> bool {
        let project_dir = self.place.project_dir.as_str();
        writer.notice("Deleting tracked and untracked files...");
        writer.line(&format!("if [ -d \"{project_dir}/.git\" ]; then"));
        writer.command(&["cd", project_dir]);
        writer.command(&["git", "rm", "-rf", "--ignore-unmatch", "--quiet", "."]);
        writer.command(&["git", "clean", "-ffdx", "-q"]);
        writer.line("fi");
        true
    }

    fn unavailable<T>(&self, writer: &mut Writer, wanted: &[T], action: &str) -> bool {
        if !wanted.is_empty() {
            self.enter_project(writer);
            writer.warning(&format!("Missing gitlab-runner. {action} is disabled."));
        }
        !wanted.is_empty()
    }

    fn step(&self, writer: &mut Writer, name: &str) -> bool {
        let Some(step) = self.job.steps.iter().find(|step| step.name.to_lowercase() == name) else {
            return false;
        };
        self.enter_project(writer);
        for command in &step.script {
            writer.announced(command);
        }
        true
    }

    fn after_script(&self, writer: &mut Writer) -> bool {
        let Some(commands) = self.job.commands("after_script") else {
            return false;
        };
        self.enter_project(writer);
        writer.notice("Running after script...");
        for command in commands {
            writer.announced(command);
        }
        true
    }

    /// 14.7 has nothing to do here while no variable is of type file.
    fn cleanup(&self, writer: &mut Writer) -> bool {
        let modern = self.protocol.is_modern();
        if modern {
            writer.exports_without_files(self.variables);
            for name in ["gitlab_runner_env", "masking.db"] {
                writer.remove_file(&writer.temp_file(name));
            }
        }
        let mut found = modern;
        for variable in self.variables.iter().filter(|variable| variable.file) {
            writer.remove_file(&writer.temp_file(&variable.key));
            found = true;
        }
        if modern {
            self.clean_git_config(writer);
        }
        found
    }

    /// What a job could have left for the next one's git to run.
    fn clean_git_config(&self, writer: &mut Writer) {
        let git_dir = format!("{}/.git", self.place.project_dir);
        for lock in ["index.lock", "shallow.lock", "HEAD.lock", "config.lock", "config"] {
            writer.remove_file(&format!("{git_dir}/{lock}"));
        }
        writer.remove_dir(&format!("{git_dir}/hooks"));
    }

    fn enter_project(&self, writer: &mut Writer) {
        writer.exports(self.variables);
        writer.command(&["cd", &self.place.project_dir]);
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

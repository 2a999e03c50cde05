//! What each stage's script does.
//!
//! Modelled on `shells/abstract.go`. A stage with nothing to do has no script and is skipped, as
//! gitlab-runner skips it. For caches and artifacts the scripts call the `gitlab-runner` that they
//! find where they run; where there is none they say so, and the job goes on.

mod artifacts;
mod cache;
mod sources;

use std::path::Path;

use crate::environment::Place;
use crate::tree::Piece;
use crate::writer::Writer;
use crate::{Job, Protocol, Shell, Variables};

/// The program that moves caches and artifacts, as the custom executor names it to the scripts.
const RUNNER: &str = "gitlab-runner";

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
        let temp_dir = self.place.temp_dir();
        let mut writer = Writer::new(self.protocol, self.shell, self.variables, temp_dir);
        let written = match stage {
            "prepare_script" => self.prepare(&mut writer),
            "get_sources" => self.get_sources(&mut writer),
            "clear_worktree" => self.clear_worktree(&mut writer),
            "restore_cache" => self.restore_caches(&mut writer),
            "download_artifacts" => self.download_artifacts(&mut writer),
            "after_script" => self.after_script(&mut writer),
            "archive_cache" | "archive_cache_on_failure" => self.archive_caches(&mut writer),
            "upload_artifacts_on_success" | "upload_artifacts_on_failure" => {
                self.upload_artifacts(&mut writer)
            }
            "cleanup_file_variables" => self.cleanup(&mut writer),
            step => self.step(&mut writer, step.strip_prefix("step_")?),
        };
        written.then(|| writer.finish())
    }

    /// The script that brings a piece of a packed working tree.
    pub(crate) fn of_piece(&self, tree: &Path, piece: &Piece) -> String {
        let temp_dir = self.place.temp_dir();
        let mut writer = Writer::new(self.protocol, self.shell, self.variables, temp_dir);
        self.get_piece(&mut writer, tree, piece);
        writer.finish()
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
            self.forget_credentials(writer);
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
            self.clean_git(writer);
        }
        found
    }

    fn enter_project(&self, writer: &mut Writer) {
        writer.exports(self.variables);
        writer.command(&["cd", &self.place.project_dir]);
    }
}

/// What needs [`RUNNER`], and a word about it where there is none.
fn with_runner(writer: &mut Writer, action: &str, inside: impl FnOnce(&mut Writer)) {
    let missing = format!("Missing {RUNNER}. {action} is disabled.");
    let otherwise = |writer: &mut Writer| writer.warning(&missing);
    writer.when(&[RUNNER, "--version"], inside, Some(&otherwise));
}

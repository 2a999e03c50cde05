//! The stages that gitlab-runner asks `run` for: known, renamed and unknown ones.
//!
//! Names are from gitlab-runner's `common/build.go` and
//! <https://docs.gitlab.com/runner/executors/custom/#run>. A stage that a later gitlab-runner adds
//! is treated as the job's own script, which is the safe reading: it gets what the job would get.

use std::fmt;
use std::str::FromStr;

/// One stage of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// `prepare_script`: says on which machine the job runs.
    Prepare,
    /// `get_sources`: clones or fetches the project.
    GetSources,
    /// `clear_worktree` (16.9 and later): empties the working tree after the job.
    ClearWorktree,
    /// `restore_cache`.
    RestoreCache,
    /// `download_artifacts`.
    DownloadArtifacts,
    /// `build_script`, the job's `before_script` and `script`; also under its new name
    /// `step_script`.
    Build,
    /// `step_<name>`: one step of the job other than `script` and `after_script`.
    Step(String),
    /// `after_script`.
    AfterScript,
    /// `archive_cache` and `archive_cache_on_failure`.
    ArchiveCache,
    /// `upload_artifacts_on_success` and `upload_artifacts_on_failure`.
    UploadArtifacts,
    /// `cleanup_file_variables`: removes the files of file-type variables.
    CleanupFileVariables,
    /// A stage of a later gitlab-runner.
    Unknown(String),
}

impl Stage {
    /// Whether the script of this stage is gitlab-runner's own work (git, cache, artifacts) and
    /// holds none of the job's commands, so that it needs no Docker.
    pub fn is_housekeeping(&self) -> bool {
        match self {
            Self::Prepare
            | Self::GetSources
            | Self::ClearWorktree
            | Self::RestoreCache
            | Self::DownloadArtifacts
            | Self::ArchiveCache
            | Self::UploadArtifacts
            | Self::CleanupFileVariables => true,
            Self::Build | Self::Step(_) | Self::AfterScript | Self::Unknown(_) => false,
        }
    }

    /// Whether, in containers, the script of this stage belongs in the helper container: it works
    /// on the job's files with git and `gitlab-runner`, which the job's own image need not have.
    ///
    /// That is GitLab's division (`getPredefinedEnv` in gitlab-runner's `common/build.go`) but for
    /// `prepare_script`, which only says where the job runs. A job that calls for no helper has
    /// these stages too.
    pub fn runs_in_helper(&self) -> bool {
        self.is_housekeeping() && *self != Self::Prepare
    }
}

impl FromStr for Stage {
    type Err = std::convert::Infallible;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Ok(match name {
            "prepare_script" => Self::Prepare,
            "get_sources" => Self::GetSources,
            "clear_worktree" => Self::ClearWorktree,
            "restore_cache" => Self::RestoreCache,
            "download_artifacts" => Self::DownloadArtifacts,
            "build_script" | "step_script" => Self::Build,
            "after_script" | "step_after_script" => Self::AfterScript,
            "archive_cache" | "archive_cache_on_failure" => Self::ArchiveCache,
            "upload_artifacts_on_success" | "upload_artifacts_on_failure" => Self::UploadArtifacts,
            "cleanup_file_variables" => Self::CleanupFileVariables,
            other => match other.strip_prefix("step_") {
                Some(step) => Self::Step(step.to_owned()),
                None => Self::Unknown(other.to_owned()),
            },
        })
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prepare => "prepare_script",
            Self::GetSources => "get_sources",
            Self::ClearWorktree => "clear_worktree",
            Self::RestoreCache => "restore_cache",
            Self::DownloadArtifacts => "download_artifacts",
            Self::Build => "build_script",
            Self::Step(name) => return write!(f, "step_{name}"),
            Self::AfterScript => "after_script",
            Self::ArchiveCache => "archive_cache",
            Self::UploadArtifacts => "upload_artifacts",
            Self::CleanupFileVariables => "cleanup_file_variables",
            Self::Unknown(name) => name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(name: &str) -> Stage {
        match name.parse() {
            Ok(stage) => stage,
        }
    }

    #[test]
    fn the_renamed_stage_is_the_build_under_both_names() {
        assert_eq!(stage("build_script"), Stage::Build);
        assert_eq!(stage("step_script"), Stage::Build);
    }

    #[test]
    fn a_stage_of_a_later_runner_counts_as_the_jobs_own_script() {
        let unknown = stage("make_coffee");
        assert_eq!(unknown, Stage::Unknown("make_coffee".into()));
        assert!(!unknown.is_housekeeping());
        assert!(!stage("step_release").is_housekeeping());
    }

    #[test]
    fn housekeeping_needs_no_docker() {
        for name in
            ["get_sources", "restore_cache", "upload_artifacts_on_failure", "clear_worktree"]
        {
            assert!(stage(name).is_housekeeping(), "{name}");
        }
    }

    #[test]
    fn what_works_on_the_jobs_files_runs_in_the_helper() {
        let table = [
            ("prepare_script", false),
            ("get_sources", true),
            ("clear_worktree", true),
            ("restore_cache", true),
            ("download_artifacts", true),
            ("build_script", false),
            ("step_script", false),
            ("step_release", false),
            ("after_script", false),
            ("archive_cache", true),
            ("archive_cache_on_failure", true),
            ("upload_artifacts_on_success", true),
            ("upload_artifacts_on_failure", true),
            ("cleanup_file_variables", true),
            ("make_coffee", false),
        ];
        for (name, expected) in table {
            assert_eq!(stage(name).runs_in_helper(), expected, "{name}");
        }
    }
}

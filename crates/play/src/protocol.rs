//! The two ends of the range of gitlab-runner versions, and where they differ.

/// Which gitlab-runner is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// gitlab-runner 14.7.0, January 2022.
    V14_7,
    /// gitlab-runner 19.4.0.
    #[default]
    V19,
}

impl Protocol {
    /// What `CI_RUNNER_VERSION` says.
    pub fn version(self) -> &'static str {
        match self {
            Self::V14_7 => "14.7.0",
            Self::V19 => "19.4.0",
        }
    }

    /// What `CI_RUNNER_REVISION` says.
    pub(crate) fn revision(self) -> &'static str {
        match self {
            Self::V14_7 => "98daeee0",
            Self::V19 => "d79f3e7",
        }
    }

    /// Everything that 14.7 did not have and 19 has goes by this one question.
    pub(crate) fn is_modern(self) -> bool {
        self == Self::V19
    }

    /// The script's file name. 14.7 appends the shell's extension, which bash and sh leave empty.
    pub(crate) fn script_name(self) -> &'static str {
        match self {
            Self::V14_7 => "script.",
            Self::V19 => "script",
        }
    }

    /// What the job log says when `step_script` is handed over as `build_script`.
    pub(crate) fn renamed_stage_warning(self) -> &'static str {
        match self {
            Self::V14_7 => {
                "Starting with version 14.0 the 'build_script' stage will be replaced with \
                 'step_script': https://gitlab.com/gitlab-org/gitlab-runner/-/issues/26426"
            }
            Self::V19 => {
                "Starting with version 17.0 the 'build_script' stage will be replaced with \
                 'step_script': https://gitlab.com/groups/gitlab-org/-/epics/6112"
            }
        }
    }

    /// Where the job log sends people whose shell could not be prepared.
    pub(crate) fn shell_help(self) -> &'static str {
        match self {
            Self::V14_7 => "https://docs.gitlab.com/runner/shells/index.html#shell-profile-loading",
            Self::V19 => "https://docs.gitlab.com/runner/shells/#shell-profile-loading",
        }
    }
}

//! The command line of the four stage binaries.

use std::path::PathBuf;

use clap::Parser;
use job::settings::{DEFAULT_PATH, DEFAULT_PROFILE};

/// What every stage binary takes; `config.toml.example` shows where gitlab-runner's
/// configuration names them.
#[derive(Clone, Debug, Parser)]
#[command(
    version,
    about = "A stage of the swarm-executor custom executor, called by gitlab-runner"
)]
pub(crate) struct StageArguments {
    /// The settings file; when not given, the default one, which may be absent
    #[arg(long, value_name = "FILE", long_help = format!("The settings file [default: {DEFAULT_PATH}, which may be absent]"))]
    pub(crate) settings: Option<PathBuf>,
    /// The profile of the settings that this runner's jobs get
    #[arg(long, value_name = "NAME", default_value = DEFAULT_PROFILE)]
    pub(crate) profile: String,
}

/// What `run` takes beyond that; gitlab-runner appends both.
#[derive(Clone, Debug, Parser)]
#[command(version, about = "Runs the script of one stage; called by gitlab-runner")]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) stage: StageArguments,
    /// The script that gitlab-runner wrote
    pub(crate) script: PathBuf,
    /// The stage that it is for, such as `build_script`
    #[arg(value_name = "STAGE")]
    pub(crate) stage_name: String,
}

impl Default for StageArguments {
    fn default() -> Self {
        Self { settings: None, profile: DEFAULT_PROFILE.to_owned() }
    }
}

//! The command line.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};

/// Run GitLab CI/CD jobs against a Docker Swarm cluster.
#[derive(Debug, Parser)]
#[command(name = "swarm-executor", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play gitlab-runner for one job of a .gitlab-ci.yml, here and now
    #[command(long_about = TRY, after_long_help = TRY_EXAMPLES)]
    Try(Try),
}

const TRY: &str = "\
Play gitlab-runner for one job of a .gitlab-ci.yml, here and now.

The job goes through the same four programs that gitlab-runner calls, with the same environment,
files and signals: what works here works there. It runs where the profile says: on this machine or,
with placement \"engine\", in containers of its image and its services. Nothing is sent to GitLab.

Its sources are a copy of the working tree as it is, with uncommitted changes, without ignored
files; of a git repository the last 20 commits come along, or as many as GIT_DEPTH says. The scripts
carry them, 4 MiB each, so they get to any engine. GIT_STRATEGY is obeyed.

Ctrl-C cancels the job as the button in GitLab does: after_script and cleanup still run. A second
Ctrl-C does not wait for them to finish: the running stage is killed, then cleanup runs.";

const TRY_EXAMPLES: &str = "\
Examples:
  # The job `deploy` of this project, with the cluster and the key that GitLab would give it
  swarm-executor try .gitlab-ci.yml deploy \\
      --variable DOCKER_SWARM_MASTER=tcp://manager.example.com:2376 \\
      --variable-file DOCKER_MACHINE_CA=ca.pem \\
      --variable-file DOCKER_MACHINE_CLIENT_CERT=cert.pem \\
      --variable-file DOCKER_MACHINE_CLIENT_KEY=key.pem

  # With the credentials that this machine's settings name
  swarm-executor try --profile production .gitlab-ci.yml deploy

  # In containers, by a profile of the settings in this directory that says placement = \"engine\"
  swarm-executor try --settings settings.toml --profile builds .gitlab-ci.yml test

Exit status:
  0  the job succeeded
  1  the job failed by its own doing, was cancelled or took too long; or its .gitlab-ci.yml is wrong
  2  the system failed: this machine, its settings, the network, the cluster; or wrong usage";

/// What `try` is told.
#[derive(Args, Debug)]
pub(crate) struct Try {
    /// The file that defines the job
    ///
    /// The git repository around it is the project, or its directory where there is none.
    #[arg(value_name = "FILE.gitlab-ci.yml")]
    pub(crate) file: PathBuf,

    /// The job to play
    #[arg(value_name = "JOB")]
    pub(crate) job: String,

    /// Settings of the runner machine [default: /etc/swarm-executor/settings.toml]
    #[arg(long, value_name = "SETTINGS")]
    pub(crate) settings: Option<PathBuf>,

    /// The section of the settings to use [default: default]
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// Set a CI/CD variable, over those in the file; without a value, from the environment
    ///
    /// The value is taken literally: references in it are not replaced. Everyone on this machine
    /// can see a value that is given here, so prefer --variable-file for secrets.
    #[arg(long = "variable", value_name = "NAME[=VALUE]")]
    pub(crate) variables: Vec<Assignment>,

    /// Set a CI/CD variable to the content of a file; hidden in the log
    ///
    /// The last line break is left out.
    #[arg(long = "variable-file", value_name = "NAME=PATH", value_parser = with_value)]
    pub(crate) variable_files: Vec<Assignment>,

    /// Set a CI/CD variable of type file: the script sees the path of a copy
    #[arg(long = "file", value_name = "NAME=PATH", value_parser = with_value)]
    pub(crate) files: Vec<Assignment>,
}

/// `NAME=VALUE`, or `NAME` alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) name: String,
    pub(crate) value: Option<String>,
}

impl FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        let is_name = |c: char| c == '_' || c.is_ascii_alphanumeric();
        if name.is_empty() || !name.chars().all(is_name) {
            return Err("a variable's name has letters, digits and underscores only".to_owned());
        }
        Ok(Self { name: name.to_owned(), value })
    }
}

fn with_value(text: &str) -> Result<Assignment, String> {
    let assignment: Assignment = text.parse()?;
    match assignment.value.as_deref() {
        Some("") | None => Err("a path is missing: write NAME=PATH".to_owned()),
        Some(_) => Ok(assignment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_assignment_splits_at_the_first_sign() {
        let parse = |text: &str| text.parse::<Assignment>().map(|a| (a.name, a.value));
        assert_eq!(parse("A=b=c"), Ok(("A".into(), Some("b=c".into()))));
        assert_eq!(parse("A="), Ok(("A".into(), Some(String::new()))));
        assert_eq!(parse("A"), Ok(("A".into(), None)));
        assert!(parse("=x").is_err());
        assert!(parse("A B=x").is_err());
    }
}

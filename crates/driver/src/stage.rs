//! The frame around every stage: harden, read, act, tell, exit.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use job::settings::Settings;
use job::{Ending, Environment, Failure, FailureCodes, ProcessEnvironment, Profile, Result};

use crate::arguments::StageArguments;
use crate::job_log::JobLog;
use crate::{diagnostics, hardening};

/// What a stage works with.
pub(crate) struct Stage<'a> {
    pub(crate) environment: &'a dyn Environment,
    pub(crate) arguments: StageArguments,
    pub(crate) profile: Profile,
    /// Where the settings were read from, or would have been.
    pub(crate) settings_path: PathBuf,
    pub(crate) log: JobLog,
    /// Why the operator's diagnostics go nowhere, for the one stage that tells it.
    pub(crate) no_diagnostics: Option<String>,
}

impl<'a> Stage<'a> {
    /// Reads the settings, which no stage but cleanup can do without.
    pub(crate) fn open(
        environment: &'a dyn Environment,
        arguments: StageArguments,
        log: JobLog,
    ) -> Result<Self> {
        let settings = Settings::load(arguments.settings.as_deref())?;
        let no_diagnostics = diagnostics::start(&settings.diagnostics).err();
        let profile = settings.profile(&arguments.profile)?;
        let settings_path = settings.path().to_owned();
        Ok(Self { environment, arguments, profile, settings_path, log, no_diagnostics })
    }
}

/// The whole life of a stage's process: `act` is given the parsed command line, and whatever it
/// returns becomes lines in the job log and the exit code.
pub(crate) fn main<A: Parser>(
    log: JobLog,
    act: impl FnOnce(&dyn Environment, A) -> Result<Ending>,
) -> ExitCode {
    hardening::keep_secrets_in_memory();
    let environment = ProcessEnvironment;
    let codes = FailureCodes::read(&environment);
    let ending = parse(log).and_then(|arguments| match arguments {
        Some(arguments) => act(&environment, arguments),
        None => Ok(Ending::Success),
    });
    ExitCode::from(codes.exit_code(&ending.unwrap_or_else(|failure| {
        log.failure(&failure);
        Ending::Failed(failure.blame())
    })))
}

/// The command line; `None` when it only asked for help or the version, which are then printed.
pub(crate) fn parse<A: Parser>(log: JobLog) -> Result<Option<A>> {
    match A::try_parse() {
        Ok(arguments) => Ok(Some(arguments)),
        Err(error)
            if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) =>
        {
            log.line(error.to_string().trim_end());
            Ok(None)
        }
        Err(error) => Err(Failure::system(format!("wrong arguments: {}", first_paragraph(&error)))
            .hint("correct the *_args of [runners.custom] in gitlab-runner's config.toml")),
    }
}

/// What is wrong, as one line; usage and tips, which follow it, are for people at a terminal.
fn first_paragraph(error: &clap::Error) -> String {
    let words = error.to_string();
    let paragraph = words.lines().take_while(|line| !line.is_empty()).map(str::trim);
    paragraph.collect::<Vec<_>>().join(" ").trim_start_matches("error: ").to_owned()
}

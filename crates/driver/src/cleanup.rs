//! Stage cleanup: wipes the certificates, then removes what the job left.
//!
//! The order is the promise: certificates go first, before settings are read, with whatever is left
//! of the environment. Every later step runs even when one before it failed; "already gone" is
//! success; all failures are reported at the end. Its stderr reaches gitlab-runner's log as
//! warnings, never the job log.

mod find;
mod own_certificates;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use agent::processes::end_marked;
use docker::certificates_directory::{Wiped, wipe, wipe_inside};
use job::settings::Settings;
use job::{
    Blame, Claims, Ending, Environment, Failure, FailureCodes, JobResponse, ProcessEnvironment,
};

use crate::arguments::StageArguments;
use crate::job_log::JobLog;
use crate::placement::{HostPlace, MARK};
use crate::state::{JobDirectory, already_gone_is_success};
use crate::{hardening, runtime, stage};

/// Time between SIGTERM and SIGKILL for processes that outlived their stage.
const GRACE: Duration = Duration::from_secs(2);

/// The whole life of the process. It has a frame of its own, unlike the other stages: neither
/// broken arguments nor broken settings may keep it from its work.
pub(crate) fn main() -> ExitCode {
    hardening::keep_secrets_in_memory();
    let environment = ProcessEnvironment;
    let arguments = match stage::parse::<StageArguments>(JobLog::Stderr) {
        Ok(Some(arguments)) => Ok(arguments),
        Ok(None) => return ExitCode::SUCCESS,
        Err(failure) => Err(failure),
    };
    let failures = Cleanup::new(&environment).run(arguments);
    for failure in &failures {
        JobLog::Stderr.failure(failure);
    }
    let ending = if failures.is_empty() { Ending::Success } else { Ending::Failed(Blame::System) };
    ExitCode::from(FailureCodes::read(&environment).exit_code(&ending))
}

/// What is known of the job, from whatever is left to know it by.
struct Cleanup<'a> {
    environment: &'a dyn Environment,
    claims: Claims,
    response: Option<JobResponse>,
    failures: Vec<Failure>,
}

impl<'a> Cleanup<'a> {
    fn new(environment: &'a dyn Environment) -> Self {
        let path = environment.non_empty("JOB_RESPONSE_FILE").map(PathBuf::from);
        Self {
            environment,
            claims: Claims::read(environment),
            response: path.and_then(|path| JobResponse::read(&path).ok()),
            failures: Vec::new(),
        }
    }

    fn run(mut self, arguments: job::Result<StageArguments>) -> Vec<Failure> {
        let directories = self.find();
        for directory in &directories {
            self.wipe(&directory.certificates());
        }
        let settings = self.settings(arguments);
        for directory in &directories {
            let leftovers = self.leftovers(directory, settings.as_ref());
            self.wipe_inside(&leftovers);
            self.end_processes(&leftovers);
            self.remove(&leftovers, directory);
        }
        self.failures
    }

    /// The directories of this job; a failure when it can't be told which job this is.
    fn find(&mut self) -> Vec<JobDirectory> {
        match find::job_directories(self.environment, self.response.as_ref(), &self.claims) {
            Ok(directories) => directories,
            Err(failure) => {
                self.failures.push(failure);
                Vec::new()
            }
        }
    }

    fn wipe(&mut self, directory: &Path) {
        if let Err(failure) = wipe(directory) {
            self.failures.push(failure.hint(format!("remove {} by hand", directory.display())));
        }
    }

    /// The settings, as far as they can be read: cleanup hardly needs them.
    fn settings(&mut self, arguments: job::Result<StageArguments>) -> Option<job::Profile> {
        let profile = arguments.and_then(|arguments| {
            let settings = Settings::load(arguments.settings.as_deref())?;
            stage::start_diagnostics(&settings, JobLog::Stderr);
            settings.profile(&arguments.profile)
        });
        profile.map_err(|failure| self.failures.push(failure)).ok()
    }

    /// What the job may have left, by prepare's record or, without one, by the profile.
    fn leftovers(&self, directory: &JobDirectory, profile: Option<&job::Profile>) -> Leftovers {
        if let Some(record) = directory.record() {
            return Leftovers {
                key: record.key,
                builds: Some(record.builds_directory),
                remove_builds: record.remove_builds_directory,
            };
        }
        let key = directory.key();
        let place = profile.and_then(|profile| HostPlace::new(profile, key, self.environment).ok());
        Leftovers {
            key: key.to_string(),
            remove_builds: place.as_ref().is_some_and(|place| !place.shared),
            builds: place.map(|place| place.builds_directory),
        }
    }

    /// Wipes the certificates that the job's own script put into its build directory.
    fn wipe_inside(&mut self, leftovers: &Leftovers) {
        let Some(builds) = leftovers.builds.as_deref().filter(|path| path.is_dir()) else { return };
        let places = own_certificates::places(self.response.as_ref(), &self.claims);
        for place in places {
            match wipe_inside(builds, &place) {
                Ok(Wiped::Something) => {
                    tracing::warn!(place = %place.display(), "wiped certificates that the job made");
                }
                Ok(Wiped::Nothing | Wiped::Outside) => {}
                Err(failure) => self.failures.push(failure),
            }
        }
    }

    fn end_processes(&mut self, leftovers: &Leftovers) {
        let ending = async {
            end_marked(MARK.as_ref(), leftovers.key.as_ref(), GRACE).await.map_err(|survivors| {
                Failure::system("processes of the job still run")
                    .caused_by(survivors)
                    .hint(format!("look for {MARK}={} in /proc/*/environ", leftovers.key))
            })
        };
        match runtime::block_on(ending) {
            Ok(0) => {}
            Ok(ended) => tracing::warn!(job = leftovers.key, ended, "ended processes of the job"),
            Err(failure) => self.failures.push(failure),
        }
    }

    fn remove(&mut self, leftovers: &Leftovers, directory: &JobDirectory) {
        if let Some(builds) = leftovers.builds.as_deref().filter(|_| leftovers.remove_builds) {
            self.report_left(builds, already_gone_is_success(std::fs::remove_dir_all(builds)));
        }
        self.report_left(directory.path(), directory.remove());
    }

    fn report_left(&mut self, path: &Path, removed: std::io::Result<()>) {
        if let Err(error) = removed {
            self.failures.push(
                Failure::system(format!("cannot remove {}", path.display()))
                    .caused_by(error)
                    .hint("remove it by hand"),
            );
        }
    }
}

/// What a job may have left on this machine, besides its own directory of state.
struct Leftovers {
    /// The job's key, which marks its processes.
    key: String,
    /// Where its sources are, when that is known.
    builds: Option<PathBuf>,
    /// Whether those go with the job.
    remove_builds: bool,
}

//! Stage cleanup: wipes the certificates, then removes what the job left.
//!
//! The order is the promise: certificates go first, before settings are read, with whatever is left
//! of the environment; then the secrets that the job itself left lying; and both once more when the
//! job's last process has ended. Every step runs even when one before it failed; "already gone" is
//! success; all failures are reported at the end. Its stderr reaches gitlab-runner's log as
//! warnings, never the job log.

mod find;
mod remove;

use std::iter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use docker::certificates_directory::{Wiped, wipe, wipe_files_inside, wipe_inside};
use job::settings::Settings;
use job::{
    Blame, Claims, Ending, Environment, Failure, FailureCodes, JobKey, JobResponse,
    ProcessEnvironment,
};

use crate::arguments::StageArguments;
use crate::job_log::JobLog;
use crate::placement::{HostPlace, end_processes};
use crate::secrets::SecretPlaces;
use crate::state::{JobDirectory, JobRecord};
use crate::{diagnostics, hardening, runtime, stage};

/// Time between SIGTERM and SIGKILL for processes that outlived their stage. It is a little more
/// than what an agent without its `run` grants them, so that the agent, too, ends by itself.
const GRACE: Duration = Duration::from_secs(3);

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
        // What can't be wiped is tried again further down, and told then.
        for directory in &directories {
            drop(wipe(&directory.certificates()));
        }
        let profile = self.profile(arguments);
        for directory in &directories {
            let record = self.record(directory, profile.as_ref());
            drop(wipe_secrets(directory, record.as_ref()));
            self.end_processes(directory.key());
            // Until they ended they could still write.
            self.failures.extend(wipe_secrets(directory, record.as_ref()));
            self.remove_builds(record.as_ref());
            self.remove(directory.path());
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

    /// The profile, as far as it can be read: cleanup hardly needs it.
    fn profile(&mut self, arguments: job::Result<StageArguments>) -> Option<job::Profile> {
        let profile = arguments.and_then(|arguments| {
            let settings = Settings::load(arguments.settings.as_deref())?;
            if let Err(words) = diagnostics::start(&settings.diagnostics) {
                JobLog::Stderr.warning(words);
            }
            settings.profile(&arguments.profile)
        });
        profile.map_err(|failure| self.failures.push(failure)).ok()
    }

    /// What prepare noted or, where that is lost, would note now. Without a profile the default one
    /// counts: at worst nothing of this job's is found there.
    fn record(
        &self,
        directory: &JobDirectory,
        profile: Option<&job::Profile>,
    ) -> Option<JobRecord> {
        let key = directory.key();
        let noted = directory.record().filter(|record| record.belongs_to(key));
        noted.or_else(|| {
            let profile = profile.cloned().unwrap_or_default();
            let place = HostPlace::new(&profile, key, self.environment).ok()?;
            let steps = self.response.iter().flat_map(|response| &response.steps);
            let script = steps.flat_map(|step| &step.script).map(String::as_str);
            Some(JobRecord::new(key, &place, SecretPlaces::of(&place, &self.claims, script)))
        })
    }

    fn end_processes(&mut self, key: &JobKey) {
        match runtime::block_on(end_processes(key, GRACE)) {
            Ok(0) => {}
            Ok(ended) => tracing::warn!(job = %key, ended, "ended processes of the job"),
            Err(failure) => self.failures.push(failure),
        }
    }

    fn remove_builds(&mut self, record: Option<&JobRecord>) {
        if let Some(record) = record.filter(|record| record.remove_builds_directory) {
            self.remove(&record.builds_directory);
        }
    }

    fn remove(&mut self, path: &Path) {
        if let Err(error) = remove::whole(path) {
            self.failures.push(
                Failure::system(format!("cannot remove {}", path.display()))
                    .caused_by(error)
                    .hint("remove it by hand"),
            );
        }
    }
}

/// Wipes the certificates, and what the job's own script or gitlab-runner put into the build
/// directory. Returns what could not be wiped.
fn wipe_secrets(directory: &JobDirectory, record: Option<&JobRecord>) -> Vec<Failure> {
    let own = wipe(&directory.certificates());
    let in_builds = record.into_iter().flat_map(|record| {
        let (root, secrets) = (record.trusted_root(), &record.secrets);
        let made = secrets.certificates.iter().map(move |place| wipe_inside(root, place));
        let given = secrets.variables.iter().map(move |place| wipe_files_inside(root, place));
        made.chain(given)
    });
    let troubles = |wiped| match wiped {
        Ok(Wiped::Something | Wiped::Nothing) => None,
        Ok(Wiped::Outside) => {
            tracing::warn!(job = %directory.key(), "a link leads out of the build directory");
            None
        }
        Err(failure) => Some(failure),
    };
    iter::once(own).chain(in_builds).filter_map(troubles).collect()
}

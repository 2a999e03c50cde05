//! Stage cleanup: wipes the certificates, then removes what the job left.
//!
//! The order is the promise: certificates go first, before settings are read, with whatever is left
//! of the environment; then the secrets that the job itself left lying; and both once more when the
//! job's last process has ended. What the job has on an engine comes after that, for a cluster that
//! can't be reached must not keep anything else; the credentials for it are held in memory. Every
//! step runs even when one before it failed; "already gone" is success; all failures are reported
//! at the end. Its stderr reaches gitlab-runner's log as warnings, never the job log.

mod containers;
mod find;
mod remove;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use docker::certificates_directory::{Wiped, wipe, wipe_files_inside, wipe_inside};
use job::{
    Blame, Claims, Ending, Environment, Failure, FailureCodes, JobKey, JobResponse,
    ProcessEnvironment,
};

use crate::access::EngineAccess;
use crate::arguments::StageArguments;
use crate::job_log::JobLog;
use crate::placement::{HostPlace, end_processes};
use crate::secrets::SecretPlaces;
use crate::stage::{self, Stage};
use crate::state::{HostRecord, JobDirectory, JobRecord, PlaceRecord};
use crate::{hardening, runtime};

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
        let engines: Vec<_> = directories.iter().map(EngineAccess::remembered).collect();
        // What can't be wiped is tried again further down, and told then.
        for certificates in directories.iter().flat_map(JobDirectory::all_certificates) {
            drop(wipe(&certificates));
        }
        let stage = self.stage(arguments);
        for (directory, engine) in directories.iter().zip(engines) {
            let record = self.record(directory, stage.as_ref());
            drop(wipe_secrets(directory, record.as_ref()));
            self.end_processes(directory.key());
            // Until they ended they could still write.
            self.failures.extend(wipe_secrets(directory, record.as_ref()));
            self.remove_builds(record.as_ref());
            self.remove(directory.path());
            let noted = containers::Noted::of(record.as_ref());
            self.remove_containers(directory.key(), engine, stage.as_ref(), &noted);
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

    /// The settings, as far as they can be read: cleanup hardly needs them.
    fn stage(&mut self, arguments: job::Result<StageArguments>) -> Option<Stage<'a>> {
        let open = |arguments| {
            let stage = Stage::open(self.environment, arguments, JobLog::Stderr)?;
            stage.no_diagnostics.iter().for_each(|words| stage.log.warning(words));
            Ok(stage)
        };
        arguments.and_then(open).map_err(|failure| self.failures.push(failure)).ok()
    }

    /// What prepare noted or, where that is lost, would note now. Without a profile the default one
    /// counts: at worst nothing of this job's is found there.
    fn record(&self, directory: &JobDirectory, stage: Option<&Stage<'_>>) -> Option<JobRecord> {
        let key = directory.key();
        let noted = directory.record().filter(|record| record.belongs_to(key));
        noted.or_else(|| {
            let profile = stage.map(|stage| stage.profile.clone()).unwrap_or_default();
            let place = HostPlace::new(&profile, key, self.environment).ok()?;
            let steps = self.response.iter().flat_map(|response| &response.steps);
            let script = steps.flat_map(|step| &step.script).map(String::as_str);
            let secrets = SecretPlaces::of(&place, &self.claims, script);
            Some(JobRecord::new(key, PlaceRecord::Host(HostRecord::new(&place, secrets))))
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
        let host = record.and_then(JobRecord::host);
        if let Some(host) = host.filter(|host| host.remove_builds_directory) {
            self.remove(&host.builds_directory);
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
    let own = directory.all_certificates().map(|certificates| wipe(&certificates));
    let in_builds = record.and_then(JobRecord::host).into_iter().flat_map(|host| {
        let (root, secrets) = (host.trusted_root(), &host.secrets);
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
    own.into_iter().chain(in_builds).filter_map(troubles).collect()
}

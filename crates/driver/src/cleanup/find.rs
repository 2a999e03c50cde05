//! Which directory is this job's, with as little as possible to go by.
//!
//! The working directory says it: gitlab-runner runs every stage of an attempt in one directory,
//! which prepare noted. Where prepare didn't come so far, the response file says it; it comes second
//! because a script on the runner machine, being of the same user, can change it. The job's own
//! variables are believed last.

use std::path::PathBuf;

use job::{Claims, Environment, Failure, JobKey, JobResponse, Result};

use crate::state::{JobDirectory, StateDirectory};

/// The directories of this job.
pub(super) fn job_directories(
    environment: &dyn Environment,
    response: Option<&JobResponse>,
    claims: &Claims,
) -> Result<Vec<JobDirectory>> {
    let states = StateDirectory::candidates(environment);
    let noted = of_attempt(&states, environment);
    if !noted.is_empty() {
        return Ok(noted);
    }
    if let Some(key) = response.and_then(JobKey::of) {
        return Ok(of_keys(&states, &[key]));
    }
    match claimed_keys(claims) {
        Some(keys) => Ok(of_keys(&states, &keys)),
        None if states.iter().all(|state| state.all_jobs().is_empty()) => Ok(Vec::new()),
        None => Err(Failure::system("cannot tell which job to clean up after").hint(
            "JOB_RESPONSE_FILE is missing or unreadable: let gitlab-runner call this program",
        )),
    }
}

/// The directories that these keys have. Of a job that has none, perhaps no longer, the first that
/// it could have is returned all the same, for the sake of its processes and sources.
fn of_keys(states: &[StateDirectory], keys: &[JobKey]) -> Vec<JobDirectory> {
    let of_key = |key| {
        let could_be = states.iter().map(move |state| state.job(key));
        let (mut there, missing): (Vec<_>, Vec<_>) =
            could_be.partition(|directory| directory.path().exists());
        if there.is_empty() {
            there.extend(missing.into_iter().next());
        }
        there
    };
    keys.iter().flat_map(of_key).collect()
}

/// The jobs whose record names the directory in which this stage runs.
fn of_attempt(states: &[StateDirectory], environment: &dyn Environment) -> Vec<JobDirectory> {
    let here = [std::env::current_dir().ok(), environment.non_empty("TMPDIR").map(PathBuf::from)];
    let is_here = |directory: &JobDirectory| {
        directory.record().is_some_and(|record| here.contains(&Some(record.attempt_directory)))
    };
    states.iter().flat_map(StateDirectory::all_jobs).filter(is_here).collect()
}

/// The keys that fit what the job says of itself: an address to clone from may have a port or not.
fn claimed_keys(claims: &Claims) -> Option<Vec<JobKey>> {
    let id = claims.get("CI_JOB_ID")?.parse().ok().filter(|id| *id != 0)?;
    let host = claims.get("CI_SERVER_HOST").unwrap_or("gitlab");
    let with_port = claims.get("CI_SERVER_PORT").map(|port| format!("{host}:{port}"));
    let hosts = [Some(host.to_owned()), with_port];
    Some(hosts.iter().flatten().map(|host| JobKey::new(host, id)).collect())
}

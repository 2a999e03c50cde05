//! The job as a stage sees it: claims, proofs and where things are.
//!
//! What came in `CUSTOM_ENV_*` a job can set; what came in the response file GitLab says. They are
//! different types, [`Claims`] and [`Proofs`], so that a policy can accept proofs only. After a
//! [`JobContext`] exists nobody reads the environment.

mod expansion;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use crate::environment::Environment;
use crate::exit::FailureCodes;
use crate::failure::{Failure, Result};
use crate::response::{Image, JobResponse, RegistryCredential, ResponseError};
use crate::variables::Variables;

/// The prefix that gitlab-runner puts before the name of every job variable.
const CLAIM_PREFIX: &str = "CUSTOM_ENV_";

/// Variables of the protocol itself; a script has no use for them.
const PROTOCOL_VARIABLES: [&str; 4] = [
    "BUILD_EXIT_CODE_FILE",
    "BUILD_FAILURE_EXIT_CODE",
    "JOB_RESPONSE_FILE",
    "SYSTEM_FAILURE_EXIT_CODE",
];

/// A job, as config, prepare and run see it.
#[derive(Debug)]
pub struct JobContext {
    /// Names this job on this machine and on the cluster.
    pub key: JobKey,
    /// What GitLab says of the job.
    pub proofs: Proofs,
    /// What the job says, by its variables.
    pub claims: Claims,
    /// The exit codes to use.
    pub codes: FailureCodes,
    /// `BUILD_EXIT_CODE_FILE`: where a script's exit code goes; 17.9 and later.
    pub exit_code_file: Option<PathBuf>,
    /// `TMPDIR`: gitlab-runner's directory for this attempt, deleted after cleanup.
    pub attempt_directory: Option<PathBuf>,
    /// The environment that the stage was started with, less what belongs to the protocol.
    pub inherited: Vec<(OsString, OsString)>,
}

impl JobContext {
    /// Reads everything that gitlab-runner hands over.
    ///
    /// Fails, with the system to blame, when `JOB_RESPONSE_FILE` is missing or unreadable: without
    /// it the job could claim to be any other.
    pub fn read(environment: &dyn Environment) -> Result<Self> {
        let path = environment.non_empty("JOB_RESPONSE_FILE").ok_or_else(|| {
            Failure::system("JOB_RESPONSE_FILE is not set, so it is unknown which job this is")
                .hint("let gitlab-runner 14.1 or later start this program, as its custom executor")
        })?;
        let response = JobResponse::read(path.as_ref()).map_err(|error| {
            let remedy = remedy(&error);
            Failure::system("cannot learn which job this is").caused_by(error).hint(remedy)
        })?;
        let key = JobKey::of(&response).ok_or_else(|| {
            Failure::system(format!("the job response file {path} has no job id"))
                .hint("let gitlab-runner 14.1 or later start this program, as its custom executor")
        })?;
        Ok(Self {
            key,
            proofs: Proofs(response),
            claims: Claims::read(environment),
            codes: FailureCodes::read(environment),
            exit_code_file: environment.non_empty("BUILD_EXIT_CODE_FILE").map(PathBuf::from),
            attempt_directory: environment.non_empty("TMPDIR").map(PathBuf::from),
            inherited: inherited(environment),
        })
    }

    /// The value of the job variable `name`, expanded: as gitlab-runner exported it, else as the
    /// response file has it. For a file-type variable it is the file's content in both.
    pub fn variable(&self, name: &str) -> Option<String> {
        self.claims.get(name).map(str::to_owned).or_else(|| self.proofs.0.variables.expanded(name))
    }

    /// Whether some stage calls git or `gitlab-runner`: to get sources, caches or artifacts, or
    /// because the job's hooks around `get_sources` may.
    ///
    /// Without, what gitlab-runner's own scripts do takes no more than a shell: they make the
    /// project's directory and remove the files of variables
    /// (<https://docs.gitlab.com/ci/runners/configure_runners/#git-strategy>).
    pub fn calls_for_helper(&self) -> bool {
        let gets_sources = !matches!(self.claims.get("GIT_STRATEGY"), Some("none" | "empty"));
        let response = &self.proofs.0;
        gets_sources || response.has_hooks() || response.moves_files()
    }
}

/// What GitLab says of the job. No variable and no `.gitlab-ci.yml` changes it; only a script that
/// runs as gitlab-runner's own user could, by tampering with gitlab-runner's file.
#[derive(Debug)]
pub struct Proofs(JobResponse);

impl Proofs {
    /// The job's id, unique per GitLab instance.
    pub fn job_id(&self) -> u64 {
        self.0.id
    }

    /// The job's name.
    pub fn job_name(&self) -> &str {
        &self.0.job_info.name
    }

    /// The project's path with its groups, or its bare name from an older GitLab.
    pub fn project(&self) -> &str {
        let info = &self.0.job_info;
        info.project_full_path.as_deref().unwrap_or(&info.project_name)
    }

    /// The project's id.
    pub fn project_id(&self) -> u64 {
        self.0.job_info.project_id
    }

    /// The branch or tag.
    pub fn reference(&self) -> &str {
        &self.0.git_info.reference
    }

    /// The image that the job asks for, unexpanded.
    pub fn image(&self) -> Option<&Image> {
        Some(&self.0.image).filter(|image| !image.name.is_empty())
    }

    /// The services that the job asks for, unexpanded.
    pub fn services(&self) -> &[Image] {
        &self.0.services
    }

    /// The logins that GitLab gives the job.
    pub fn credentials(&self) -> &[RegistryCredential] {
        &self.0.credentials
    }

    /// The variables that GitLab sent, unexpanded.
    pub(crate) fn variables(&self) -> &Variables {
        &self.0.variables
    }

    /// Whether gitlab-runner fetched the variable `name` from a store of secrets.
    pub(crate) fn is_secret(&self, name: &str) -> bool {
        self.0.secrets.contains_key(name)
    }

    /// Whether GitLab says that the variable `name` is of type file.
    pub(crate) fn is_file(&self, name: &str) -> bool {
        match self.0.secrets.get(name) {
            Some(secret) => secret.is_file(),
            None => self.0.variables.get(name).is_some_and(|variable| variable.file),
        }
    }

    /// The values of the variables that GitLab masks in the job log.
    pub fn masked_values(&self) -> impl Iterator<Item = String> {
        let masked = self.0.variables.iter().filter(|variable| variable.masked);
        masked.filter_map(|variable| self.0.variables.expanded(&variable.key))
    }

    /// The lines of all the job's scripts, unexpanded.
    pub fn script_lines(&self) -> impl Iterator<Item = &str> {
        self.0.steps.iter().flat_map(|step| step.script.iter().map(String::as_str))
    }
}

/// What the job says of itself: its variables, which `.gitlab-ci.yml` can set at will.
#[derive(Default)]
pub struct Claims(BTreeMap<String, String>);

impl Claims {
    /// Reads every `CUSTOM_ENV_*` variable.
    pub fn read(environment: &dyn Environment) -> Self {
        let claim = |(name, value): (OsString, OsString)| {
            let name = name.to_str()?.strip_prefix(CLAIM_PREFIX)?.to_owned();
            Some((name, value.to_string_lossy().into_owned()))
        };
        Self(environment.all().into_iter().filter_map(claim).collect())
    }

    /// The value of the job variable `name`, expanded by gitlab-runner.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Shows names only: any value may be a secret.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Names a job on this machine and on the cluster: the GitLab instance's host and the job's id.
///
/// It derives from proofs alone, so a retried prepare finds its own work again and no job can name
/// another's. It is fit for a file name: lower-case letters, digits, `.` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobKey(String);

impl JobKey {
    /// Longest host that goes into a key, in bytes; a socket's path may have 108 in all.
    const HOST_LIMIT: usize = 40;

    /// The key of the job that `response` describes, unless it has no id.
    pub fn of(response: &JobResponse) -> Option<Self> {
        (response.id != 0)
            .then(|| Self::new(response.git_info.host().unwrap_or("gitlab"), response.id))
    }

    /// The key of job `id` of the GitLab instance at `host`.
    pub fn new(host: &str, id: u64) -> Self {
        let fit = |c: char| {
            if c.is_ascii_alphanumeric() || c == '.' { c.to_ascii_lowercase() } else { '-' }
        };
        let host: String = host.chars().map(fit).take(Self::HOST_LIMIT).collect();
        Self(format!("{}-{id}", host.trim_start_matches(['.', '-'])))
    }

    /// The key that a directory of this name belongs to; nothing for a name that no key has.
    pub fn from_directory_name(name: &str) -> Option<Self> {
        let (host, id) = name.rsplit_once('-')?;
        let key = Self::new(host, id.parse().ok()?);
        (key.0 == name).then_some(key)
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What to do about a response file that can't be used.
fn remedy(error: &ResponseError) -> &'static str {
    match error {
        ResponseError::Unreadable { .. } => {
            "gitlab-runner keeps it in its TMPDIR until cleanup is over: look for what else deletes \
             files there, or for a sudo that starts this program as another user"
        }
        ResponseError::Malformed { .. } => {
            "gitlab-runner writes it whole unless the disk is full: make room where TMPDIR is, then \
             retry the job"
        }
    }
}

/// The stage's own environment without job variables and protocol: what a script inherits.
fn inherited(environment: &dyn Environment) -> Vec<(OsString, OsString)> {
    let belongs_to_protocol = |name: &OsString| {
        name.as_encoded_bytes().starts_with(CLAIM_PREFIX.as_bytes())
            || PROTOCOL_VARIABLES.iter().any(|variable| name == variable)
    };
    environment.all().into_iter().filter(|(name, _)| !belongs_to_protocol(name)).collect()
}

#[cfg(test)]
pub(crate) mod fixture {
    use super::*;

    /// The job that `response` describes, with `claims` as gitlab-runner would export them.
    pub(crate) fn job(response: &str, claims: &[(&str, &str)]) -> JobContext {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), response).unwrap();
        let path = file.path().to_str().unwrap();
        let claims = claims.iter().map(|(name, value)| (format!("{CLAIM_PREFIX}{name}"), *value));
        let protocol = [("JOB_RESPONSE_FILE".to_owned(), path)];
        let environment: BTreeMap<_, _> =
            claims.chain(protocol).map(|(name, value)| (name, value.to_owned())).collect();
        JobContext::read(&environment).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(response: &std::path::Path) -> BTreeMap<String, String> {
        let entries = [
            ("JOB_RESPONSE_FILE", response.to_str().unwrap()),
            ("TMPDIR", "/tmp/custom-executor1"),
            ("PATH", "/usr/bin"),
            ("CUSTOM_ENV_CI_JOB_ID", "666"),
            ("CUSTOM_ENV_DEPLOY", "yes"),
        ];
        entries.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    fn response(json: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), json).unwrap();
        file
    }

    #[test]
    fn the_key_is_what_gitlab_says_whatever_the_job_claims() {
        let file = response(
            r#"{"id":4711,"git_info":{"repo_url":"https://t:x@GitLab.example.com/a/b.git"}}"#,
        );
        let context = JobContext::read(&environment(file.path())).unwrap();
        assert_eq!(context.key.as_str(), "gitlab.example.com-4711");
        assert_eq!(context.claims.get("CI_JOB_ID"), Some("666"));
    }

    #[test]
    fn a_key_cannot_leave_its_directory() {
        let key = JobKey::new("../../etc/passwd\n", 5);
        assert_eq!(key.as_str(), "etc-passwd--5");
    }

    #[test]
    fn a_key_is_known_by_its_directorys_name() {
        let key = JobKey::new("gitlab.example.com:8443", 5);
        assert_eq!(JobKey::from_directory_name(key.as_str()), Some(key));
        for name in ["lost+found", "a-b", "..-5", ""] {
            assert_eq!(JobKey::from_directory_name(name), None, "{name}");
        }
    }

    #[test]
    fn a_variable_is_taken_from_the_response_where_the_environment_lacks_it() {
        let file = response(
            r#"{"id":1,"variables":[{"key":"A","value":"<$B>"},{"key":"B","value":"b"},
                {"key":"DEPLOY","value":"no"}]}"#,
        );
        let context = JobContext::read(&environment(file.path())).unwrap();
        assert_eq!(context.variable("A").as_deref(), Some("<b>"));
        assert_eq!(context.variable("DEPLOY").as_deref(), Some("yes"));
        assert_eq!(context.variable("NOWHERE"), None);
    }

    #[test]
    fn a_helper_is_called_for_by_sources_caches_artifacts_and_hooks() {
        let table = [
            ("none", "", false),
            ("empty", r#","cache":null,"artifacts":[],"dependencies":null,"hooks":[]"#, false),
            ("none", r#","dependencies":[{"id":1,"artifacts_file":{"filename":""}}]"#, false),
            ("none", r#","hooks":[{"name":"pre_get_sources_script","script":null}]"#, false),
            ("fetch", "", true),
            ("clone", "", true),
            ("None", "", true),
            ("none", r#","cache":[{"key":"k","paths":["warm"]}]"#, true),
            ("none", r#","artifacts":[{"paths":["out"]}]"#, true),
            ("none", r#","dependencies":[{"artifacts_file":{"filename":"a.zip"}}]"#, true),
            ("empty", r#","hooks":[{"name":"pre_get_sources_script","script":["x"]}]"#, true),
        ];
        for (strategy, more, expected) in table {
            let response = format!("{{\"id\":1{more}}}");
            let job = fixture::job(&response, &[("GIT_STRATEGY", strategy)]);
            assert_eq!(job.calls_for_helper(), expected, "{strategy}{more}");
        }
        assert!(fixture::job(r#"{"id":1}"#, &[]).calls_for_helper());
    }

    #[test]
    fn a_script_inherits_neither_protocol_nor_claims() {
        let file = response(r#"{"id":1}"#);
        let context = JobContext::read(&environment(file.path())).unwrap();
        let names: Vec<_> =
            context.inherited.iter().map(|(name, _)| name.to_str().unwrap()).collect();
        assert_eq!(names, ["PATH", "TMPDIR"]);
    }

    #[test]
    fn a_response_that_cannot_be_used_is_told_with_its_remedy() {
        let hint = |path: &std::path::Path| {
            JobContext::read(&environment(path)).unwrap_err().hints().concat()
        };
        assert!(hint("/nonexistent/response.json".as_ref()).contains("deletes files"));
        assert!(hint(response("{").path()).contains("the disk is full"));
    }

    #[test]
    fn without_a_response_the_system_is_to_blame() {
        let failure = JobContext::read(&BTreeMap::new()).unwrap_err();
        assert_eq!(failure.blame(), crate::Blame::System);
        assert!(failure.render().contains("JOB_RESPONSE_FILE"));
    }
}

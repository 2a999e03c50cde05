//! Stage prepare: credentials, checks, the place where the script will run.
//!
//! All of it may be repeated: gitlab-runner tries three times, with a cleanup in between. The first
//! thing written is the record by which cleanup finds the rest, wherever prepare is killed.

mod engine;
mod host;

use docker::{ClusterFacts, Endpoint, EngineFacts};
use job::settings::{CredentialSource, DockerAccess, Placement};
use job::{Ending, JobContext, Result};

use crate::placement::DOCKER_VARIABLES;
use crate::runtime;
use crate::stage::Stage;
use crate::state::{JobDirectory, JobRecord, PlaceRecord, StateDirectory};

/// Makes everything ready for the job's scripts.
pub(crate) fn run(stage: &Stage<'_>) -> Result<Ending> {
    let job = JobContext::read(stage.environment)?;
    let directory = StateDirectory::choose(stage.environment)?.job(&job.key);
    runtime::block_on(Prepare { stage, job: &job, directory }.run())?;
    Ok(Ending::Success)
}

struct Prepare<'a> {
    stage: &'a Stage<'a>,
    job: &'a JobContext,
    directory: JobDirectory,
}

impl Prepare<'_> {
    async fn run(&self) -> Result<()> {
        self.stage.no_diagnostics.iter().for_each(|words| self.stage.log.warning(words));
        // What run will go by; a job that asks for what it may not have is told before it starts.
        self.stage.profile.rollout.clone().chosen_by(|name| self.job.variable(name))?;
        match self.stage.profile.placement {
            Placement::Host => self.on_host().await?,
            Placement::Engine => Box::pin(self.on_engine()).await?,
        }
        tracing::info!(job = %self.job.key, project = self.job.proofs.project(), "prepared");
        Ok(())
    }

    /// Notes what the stages after this one have to know.
    fn record(&self, place: PlaceRecord) -> Result<()> {
        self.directory.create()?;
        self.directory.write_record(&JobRecord {
            attempt_directory: self.job.attempt_directory.clone().unwrap_or_default(),
            ..JobRecord::new(&self.job.key, place)
        })
    }

    /// Whether the job's docker is led to the cluster at all.
    fn has_docker(&self) -> bool {
        self.stage.profile.docker_access != DockerAccess::None
    }

    /// Warns when certificates will touch a disk.
    fn warn_of_disk(&self) {
        if !self.directory.is_on_tmpfs() {
            self.warn(format!(
                "certificates go to {}, which is not on a tmpfs: mount one on /run, or they touch a disk",
                self.directory.path().display()
            ));
        }
    }

    /// Variables of jobs written for docker-in-docker that lead their `docker` elsewhere still:
    /// gitlab-runner's script exports them after the environment that it is given.
    fn detours(&self) -> Vec<&'static str> {
        // An empty DOCKER_HOST leads to the machine's own engine, the others are of no effect then.
        let leads_away = |name: &str, value: &str| name == "DOCKER_HOST" || !value.is_empty();
        let is_set =
            |name: &&str| self.job.claims.get(name).is_some_and(|value| leads_away(name, value));
        DOCKER_VARIABLES.into_iter().filter(is_set).collect()
    }

    fn warn_of(&self, detours: &[&str]) {
        if !detours.is_empty() {
            self.warn(format!(
                "the job sets {}, which leads its docker elsewhere: remove that from its variables",
                detours.join(", ")
            ));
        }
    }

    fn whose_key(&self) -> &'static str {
        match self.stage.profile.credentials.source {
            CredentialSource::Variables(_) => "the client key is the job's own",
            CredentialSource::Directory(_) | CredentialSource::Command { .. } => {
                "the client key is not handed to the job"
            }
        }
    }

    fn say(&self, text: impl AsRef<str>) {
        self.stage.log.line(text);
    }

    fn warn(&self, text: impl AsRef<str>) {
        self.stage.log.warning(text);
    }
}

fn cluster_line(endpoint: &Endpoint, facts: &ClusterFacts) -> String {
    let count = |number, what| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    format!(
        "Cluster: {endpoint} is {}, a manager of swarm {} with {} and {}",
        engine_words(&facts.engine),
        facts.swarm_id,
        count(facts.managers, "manager"),
        count(facts.workers, "worker"),
    )
}

fn engine_words(facts: &EngineFacts) -> String {
    let api = facts.api_version.map(|version| format!(", API {version}")).unwrap_or_default();
    format!("{}, Docker Engine {}{api}", facts.name, facts.engine_version)
}

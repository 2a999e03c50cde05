//! Stage prepare: credentials, checks, the place where the script will run.
//!
//! All of it may be repeated: gitlab-runner tries three times, with a cleanup in between. The first
//! thing written is the record by which cleanup finds the rest, wherever prepare is killed.

use docker::{ClusterFacts, Endpoint, certificates_directory};
use job::settings::{CredentialSource, DockerAccess};
use job::{Ending, JobContext, Result};

use crate::access::Access;
use crate::placement::{DOCKER_VARIABLES, HostPlace, gateway_address};
use crate::runtime;
use crate::secrets::SecretPlaces;
use crate::stage::Stage;
use crate::state::{JobDirectory, JobRecord, StateDirectory};

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
        let place = HostPlace::new(&self.stage.profile, &self.job.key, self.stage.environment)?;
        self.record(&place)?;
        match self.stage.profile.docker_access {
            DockerAccess::None => self.say("Docker access: none"),
            DockerAccess::Gateway | DockerAccess::Certificates => self.cluster().await?,
        }
        place.create()?;
        self.name_what_is_unused();
        tracing::info!(job = %self.job.key, project = self.job.proofs.project(), "prepared");
        Ok(())
    }

    /// Notes, before anything else is made, what cleanup has to look for.
    fn record(&self, place: &HostPlace) -> Result<()> {
        self.directory.create()?;
        let secrets = SecretPlaces::of(place, &self.job.claims, self.job.proofs.script_lines());
        self.directory.write_record(&JobRecord {
            attempt_directory: self.job.attempt_directory.clone().unwrap_or_default(),
            ..JobRecord::new(&self.job.key, place, secrets)
        })
    }

    /// Credentials, certificates directory, and the cluster's own answer.
    async fn cluster(&self) -> Result<()> {
        let access = Access::gather(self.stage, self.job).await?;
        let cluster = access.cluster(self.stage, |words| self.stage.log.warning(words))?;
        if !self.directory.is_on_tmpfs() {
            self.stage.log.warning(format!(
                "certificates go to {}, which is not on a tmpfs: mount one on /run, or they touch a disk",
                self.directory.path().display()
            ));
        }
        certificates_directory::write(&self.directory.certificates(), &access.credentials)?;
        self.describe(&access, &cluster.check().await?);
        self.warn_of_detours();
        Ok(())
    }

    /// Jobs written for docker-in-docker have variables that would lead their `docker` there still:
    /// gitlab-runner's script exports them after the environment that it is given.
    fn warn_of_detours(&self) {
        // An empty DOCKER_HOST leads to the machine's own engine, the others are of no effect then.
        let leads_away = |name: &str, value: &str| name == "DOCKER_HOST" || !value.is_empty();
        let is_set =
            |name: &&str| self.job.claims.get(name).is_some_and(|value| leads_away(name, value));
        let detours: Vec<_> = DOCKER_VARIABLES.into_iter().filter(is_set).collect();
        if !detours.is_empty() {
            self.stage.log.warning(format!(
                "the job sets {}, which leads its docker elsewhere: remove that from its variables",
                detours.join(", ")
            ));
        }
    }

    fn describe(&self, access: &Access, facts: &ClusterFacts) {
        self.say(cluster_line(&access.endpoint, facts));
        let way = match self.stage.profile.docker_access {
            DockerAccess::Gateway => {
                format!("{}, relayed over mutual TLS", gateway_address(&self.directory))
            }
            DockerAccess::Certificates => {
                format!(
                    "{}, with DOCKER_CERT_PATH {}",
                    access.endpoint,
                    self.directory.certificates().display()
                )
            }
            DockerAccess::None => return,
        };
        self.say(format!("Docker access: {way}; {}", self.whose_key()));
    }

    fn whose_key(&self) -> &'static str {
        match self.stage.profile.credentials.source {
            CredentialSource::Variables(_) => "the client key is the job's own",
            CredentialSource::Directory(_) | CredentialSource::Command { .. } => {
                "the client key is not handed to the job"
            }
        }
    }

    /// On the runner machine there is no image and no service: nobody should wonder about it.
    fn name_what_is_unused(&self) {
        let image = self.job.proofs.image().map(|image| format!("image {}", image.name));
        let services =
            self.job.proofs.services().iter().map(|service| format!("service {}", service.name));
        let unused: Vec<_> = image.into_iter().chain(services).collect();
        if !unused.is_empty() {
            self.say(format!(
                "Placement host: the script runs on this machine; not used: {}",
                unused.join(", ")
            ));
        }
    }

    fn say(&self, text: impl AsRef<str>) {
        self.stage.log.line(text);
    }
}

fn cluster_line(endpoint: &Endpoint, facts: &ClusterFacts) -> String {
    let count = |number, what| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let engine = &facts.engine;
    let api = engine.api_version.map(|version| format!(", API {version}")).unwrap_or_default();
    format!(
        "Cluster: {endpoint} is {}, Docker Engine {}{api}, a manager of swarm {} with {} and {}",
        engine.name,
        engine.engine_version,
        facts.swarm_id,
        count(facts.managers, "manager"),
        count(facts.workers, "worker"),
    )
}

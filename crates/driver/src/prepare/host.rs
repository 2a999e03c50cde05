//! Preparing a place on the runner machine: the cluster's answer, and two directories.

use docker::{ClusterFacts, certificates_directory};
use job::Result;
use job::settings::DockerAccess;

use super::{Prepare, cluster_line};
use crate::access::Access;
use crate::placement::{HostPlace, gateway_address};
use crate::secrets::SecretPlaces;
use crate::state::{HostRecord, PlaceRecord};

impl Prepare<'_> {
    pub(super) async fn on_host(&self) -> Result<()> {
        let place = HostPlace::new(&self.stage.profile, &self.job.key, self.stage.environment)?;
        let secrets = SecretPlaces::of(&place, &self.job.claims, self.job.proofs.script_lines());
        self.record(PlaceRecord::Host(HostRecord::new(&place, secrets)))?;
        if self.has_docker() {
            self.cluster_for_host().await?;
        } else {
            self.say("Docker access: none");
        }
        place.create()?;
        self.name_what_is_unused();
        Ok(())
    }

    /// Credentials, certificates directory, and the cluster's own answer.
    async fn cluster_for_host(&self) -> Result<()> {
        let access = Access::gather(self.stage, self.job).await?;
        let cluster = access.cluster(&self.stage.profile, |words| self.warn(words))?;
        self.warn_of_disk();
        certificates_directory::write(&self.directory.certificates(), &access.credentials)?;
        self.describe_for_host(&access, &cluster.check().await?);
        self.warn_of(&self.detours());
        Ok(())
    }

    fn describe_for_host(&self, access: &Access, facts: &ClusterFacts) {
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

    /// On the runner machine there is no image and no service: nobody should wonder about it.
    fn name_what_is_unused(&self) {
        let proofs = &self.job.proofs;
        let image = proofs.image().map(|image| format!("image {}", image.name));
        let services = proofs.services().iter().map(|image| format!("service {}", image.name));
        let unused: Vec<_> = image.into_iter().chain(services).collect();
        if !unused.is_empty() {
            self.say(format!(
                "Placement host: the script runs on this machine; not used: {}",
                unused.join(", ")
            ));
        }
    }
}

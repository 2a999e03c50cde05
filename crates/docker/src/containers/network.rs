//! The networks of jobs.
//!
//! A job with services has one of its own, where they find each other by name. All others share
//! one, on which containers don't reach each other; it is made once, kept, and taken for granted.
//!
//! Both get a name for their bridge too. Engines before 25 make a second network under a name that
//! is in use, and containers then can't be told which is meant
//! (<https://github.com/moby/moby/issues/18864>); a bridge's name is given once only, even to
//! two who ask at the same moment.

use std::collections::HashMap;

use bollard::Docker;
use bollard::models::NetworkCreateRequest;
use job::{Failure, Result};
use sha2::{Digest, Sha256};

use super::marks::{JobMarks, Kept, PREFIX};
use super::refusal::{Answer, Refusal};

/// <https://docs.docker.com/engine/network/drivers/bridge/#options>
const BRIDGE_NAME: &str = "com.docker.network.bridge.name";
const BRIDGE_ICC: &str = "com.docker.network.bridge.enable_icc";

/// What the bridge of a job's own network is called, before 12 digits that tell it from others: an
/// interface's name has at most 15 characters.
const OWN_BRIDGE: &str = "sx-";

/// Which network a job's containers are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// The job's own.
    Own,
    /// That of all jobs without services.
    Shared,
}

impl Network {
    /// Its name.
    pub fn name(self, marks: &JobMarks) -> String {
        match self {
            Self::Own => marks.network(),
            Self::Shared => PREFIX.to_owned(),
        }
    }

    /// Makes it; one that is there is taken as it is.
    ///
    /// # Errors
    /// The system's: the engine is away, or has no addresses left.
    pub(super) async fn make(self, docker: &Docker, marks: &JobMarks) -> Result<()> {
        let request = self.request(marks);
        let name = request.name.clone();
        match docker.create_network(request).await {
            Ok(_) => Ok(()),
            Err(error) => match Answer::of(error) {
                Answer::Refused(refusal) if is_there(&refusal) => Ok(()),
                answer => Err(answer.into_failure(|refusal| explain(&name, refusal))),
            },
        }
    }

    fn request(self, marks: &JobMarks) -> NetworkCreateRequest {
        let (labels, options) = match self {
            Self::Own => (marks.of_network(), vec![(BRIDGE_NAME, own_bridge(marks))]),
            Self::Shared => (
                marks.of_kept(Kept::Network),
                vec![(BRIDGE_NAME, PREFIX.to_owned()), (BRIDGE_ICC, false.to_string())],
            ),
        };
        let options: HashMap<_, _> =
            options.into_iter().map(|(option, value)| (option.to_owned(), value)).collect();
        NetworkCreateRequest {
            name: self.name(marks),
            driver: Some("bridge".to_owned()),
            options: Some(options),
            labels: Some(labels),
            ..NetworkCreateRequest::default()
        }
    }
}

fn own_bridge(marks: &JobMarks) -> String {
    let hash = format!("{:x}", Sha256::digest(marks.key().as_str()));
    format!("{OWN_BRIDGE}{}", &hash[..12])
}

/// Whether the engine says that there is such a network: 403 for its bridge's name, 409 for its own
/// (<https://github.com/moby/moby/blob/v28.5.2/libnetwork/drivers/bridge/bridge_linux.go>).
fn is_there(refusal: &Refusal) -> bool {
    refusal.says("networks have same bridge name") || refusal.says("already exists")
}

fn explain(name: &str, refusal: &Refusal) -> Failure {
    let no_addresses =
        refusal.says("non-overlapping ipv4 address pool") || refusal.says("fully subnetted");
    if no_addresses {
        return Failure::system(format!("the engine has no addresses left for the network {name}"))
            .hint(
                "remove networks that nobody uses with `docker network prune`, or add to \
             `default-address-pools` in the engine's daemon.json",
            );
    }
    Failure::system(format!("the engine can't make the network {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use job::JobKey;

    fn marks(id: u64) -> JobMarks {
        JobMarks::new(&JobKey::new("gitlab.example.com", id), 12, "group/project")
    }

    #[test]
    fn the_shared_network_keeps_containers_apart_and_outlives_jobs() {
        let request = Network::Shared.request(&marks(1));
        assert_eq!(request.name, "swarm-executor");
        assert_eq!(request.options.unwrap()[BRIDGE_ICC], "false");
        assert!(!request.labels.unwrap().contains_key("swarm-executor.job"));
    }

    #[test]
    fn a_jobs_own_network_goes_with_it() {
        let request = Network::Own.request(&marks(1));
        assert_eq!(request.name, "swarm-executor-gitlab.example.com-1");
        assert_eq!(request.labels.unwrap()["swarm-executor.job"], "gitlab.example.com-1");
        assert!(!request.options.unwrap().contains_key(BRIDGE_ICC));
    }

    /// `IFNAMSIZ` in <https://man7.org/linux/man-pages/man7/netdevice.7.html>.
    #[test]
    fn a_bridge_has_a_name_of_its_own_that_an_interface_can_have() {
        let names = [PREFIX.to_owned(), own_bridge(&marks(1)), own_bridge(&marks(2))];
        assert!(names.iter().all(|name| name.len() <= 15), "{names:?}");
        assert_ne!(names[1], names[2]);
    }

    #[test]
    fn an_engine_without_addresses_is_told_with_the_remedy() {
        for words in [
            "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network",
            "all predefined address pools have been fully subnetted",
        ] {
            let failure = explain("n", &Refusal::new(400, words));
            assert!(failure.render().contains("default-address-pools"), "{words}");
        }
    }
}

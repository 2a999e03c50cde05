//! What is left of a job, and of others, after it was removed.

use docker::containers::{JOB_LABEL, Network, ServiceTerms, leftovers};

use crate::lab::{Bench, Job, LIMIT};

impl Bench {
    /// Containers, networks and volumes with the job's label.
    async fn left_of(&self, job: &Job) -> String {
        let filter = format!("label={JOB_LABEL}={}", job.marks.key());
        let containers = ["ps", "--all", "--quiet", "--filter", &filter];
        let networks = ["network", "ls", "--quiet", "--filter", &filter];
        let volumes = ["volume", "ls", "--quiet", "--filter", &filter];
        let left = tokio::join!(self.cli(&containers), self.cli(&networks), self.cli(&volumes));
        [left.0, left.1, left.2].concat()
    }

    /// A job with a container that has ended, one that runs, a network and volumes; the name of one
    /// of these, which no label is on.
    async fn busy(&self, job: &Job) -> String {
        job.containers.make_network().await.unwrap();
        job.started("job:bash").await;
        let service = job.service(0, "service:deaf", ServiceTerms::default()).await.unwrap();
        job.containers.start(&service).await.unwrap();
        let label = format!("{JOB_LABEL}={}", job.marks.key());
        let create = ["create", "--label", &label, "--volume", "/nameless", "job:sh"];
        let container = self.cli(&create).await;
        let format = "{{(index .Mounts 0).Name}}";
        self.cli(&["inspect", "--format", format, &container]).await
    }
}

pub(crate) async fn all_of_a_job_is_removed_and_nothing_else(bench: &Bench) {
    let (job, other) = (bench.job(Network::Own), bench.job(Network::Own));
    let (nameless, _) = tokio::join!(bench.busy(&job), bench.busy(&other));
    let before = bench.left_of(&other).await;
    for _ in 0..2 {
        let failures = leftovers::remove(&job.docker, job.marks.key(), &[], LIMIT).await;
        assert!(failures.is_empty(), "{failures:?}");
    }
    assert_eq!(bench.left_of(&job).await, "");
    assert_eq!(bench.left_of(&other).await, before);
    let volumes = bench.cli(&["volume", "ls", "--quiet"]).await;
    assert!(!volumes.contains(&nameless), "{nameless} is left");
    for kept in [job.agent.volume(), &job.marks.cache_volume()] {
        assert!(volumes.lines().any(|volume| volume == kept), "{kept} is gone");
    }
}

pub(crate) async fn rivals_remove_the_same_job(bench: &Bench) {
    let job = bench.job(Network::Own);
    bench.busy(&job).await;
    let remove = || leftovers::remove(&job.docker, job.marks.key(), &[], LIMIT);
    let (one, other) = tokio::join!(remove(), remove());
    assert!(one.is_empty() && other.is_empty(), "{one:?} {other:?}");
    assert_eq!(bench.left_of(&job).await, "");
}

pub(crate) async fn what_cannot_be_removed_is_named(bench: &Bench) {
    let job = bench.job(Network::Own);
    bench.busy(&job).await;
    let volume = job.marks.builds_volume();
    let stranger = bench.cli(&["create", "--volume", &format!("{volume}:/it"), "job:sh"]).await;
    let failures = leftovers::remove(&job.docker, job.marks.key(), &[], LIMIT).await;
    let told: Vec<_> = failures.iter().map(job::Failure::render).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with(&format!("the volume {volume} is left on the engine: ")));
    bench.cli(&["rm", &stranger]).await;
    assert!(leftovers::remove(&job.docker, job.marks.key(), &[], LIMIT).await.is_empty());
}

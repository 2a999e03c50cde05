//! How the agent gets to an engine.

use docker::containers::{Network, Role};
use futures::future::join_all;

use crate::lab::{Bench, Job};

impl Bench {
    /// The hash of the agent that the engine has for this job, and all that is in its volume.
    async fn delivered(&self, job: &Job) -> (String, Vec<String>) {
        let mount = format!("{}:/agent", job.agent.volume());
        let look = "sha256sum </agent/swarm-executor-agent; ls /agent";
        let run = ["run", "--rm", "--volume", &mount, "job:sh", "sh", "-c", look];
        let told = self.cli(&run).await;
        let mut lines = told.lines().map(str::to_owned);
        (lines.next().unwrap(), lines.collect())
    }

    /// The engine has the agent whole.
    async fn assert_delivered(&self, job: &Job) {
        let digits = job.agent.volume().rsplit_once('-').unwrap().1;
        let (hash, files) = self.delivered(job).await;
        assert!(hash.starts_with(digits), "{hash} is not {digits}…: {files:?}");
        let couriers = self.cli(&["ps", "--all", "--quiet", "--filter", "name=courier"]);
        assert!(!couriers.await.contains(&job.marks.container(Role::Courier)));
    }
}

pub(crate) async fn a_missing_agent_is_delivered_and_the_container_started(bench: &Bench) {
    let job = bench.first_job();
    job.started("job:bash").await;
    bench.assert_delivered(&job).await;
}

pub(crate) async fn containers_of_one_job_share_a_delivery(bench: &Bench) {
    let job = bench.first_job();
    let helper = async {
        let helper = job.helper().await.unwrap();
        job.containers.start(&helper).await.unwrap();
    };
    tokio::join!(job.started("job:nonroot"), helper);
    bench.assert_delivered(&job).await;
}

pub(crate) async fn rivals_deliver_the_same_agent(bench: &Bench) {
    let agent = bench.first_job().agent;
    let job = |_| bench.job_with(Network::Shared, agent.clone());
    let jobs: Vec<_> = (0..4).map(job).collect();
    join_all(jobs.iter().map(|job| job.started("job:bash"))).await;
    bench.assert_delivered(&jobs[0]).await;
}

/// A courier that was killed has left half of a program under the name that it wrote to.
pub(crate) async fn a_delivery_that_broke_off_is_made_good(bench: &Bench) {
    let job = bench.first_job();
    let mount = format!("{}:/agent", job.agent.volume());
    let half =
        format!("head -c 9999 /bin/busybox >/agent/swarm-executor-agent.{}", job.marks.key());
    bench.cli(&["run", "--rm", "--volume", &mount, "job:sh", "sh", "-c", &half]).await;
    job.started("job:bash").await;
    bench.assert_delivered(&job).await;
}

pub(crate) async fn an_image_without_anything_takes_the_agent(bench: &Bench) {
    let job = bench.first_job();
    job.started("job:noshell").await;
    bench.assert_delivered(&job).await;
}

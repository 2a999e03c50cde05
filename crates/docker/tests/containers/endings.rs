//! What becomes of containers.

use docker::containers::ending::{self, End, Life};
use docker::containers::{Network, ServiceTerms, leftovers};
use testkit::wait::{Seen, until};

use crate::lab::{Bench, Job, LIMIT};

impl Job {
    async fn ends(&self, id: &str, expected: End) {
        let end = until("a container to end", LIMIT, async || {
            let end = ending::of(&self.docker, id).await.unwrap();
            if end == expected { Seen::Ready(()) } else { Seen::NotYet(format!("{end:?}")) }
        });
        end.await.unwrap();
    }
}

pub(crate) async fn an_end_is_explained(bench: &Bench) {
    let job = bench.job(Network::Own);
    job.containers.make_network().await.unwrap();
    let crash = job.service(0, "service:crash", ServiceTerms::default()).await.unwrap();
    let end = |life| End { life, out_of_memory: false };
    job.ends(&crash.id, end(Life::Created)).await;
    job.containers.start(&crash).await.unwrap();
    job.ends(&crash.id, end(Life::Exited(3))).await;
    let lives = job.service(1, "service:deaf", ServiceTerms::default()).await.unwrap();
    job.containers.start(&lives).await.unwrap();
    job.ends(&lives.id, end(Life::Running)).await;
    leftovers::remove(&job.docker, job.marks.key(), &[], LIMIT).await;
    job.ends(&lives.id, end(Life::Gone)).await;
}

pub(crate) async fn a_process_killed_for_want_of_memory_is_told_while_the_first_one_lives(
    bench: &Bench,
) {
    let mut job = bench.job(Network::Own);
    job.profile.limits.memory = Some("16m".parse().unwrap());
    job.profile.limits.memory_swap = Some("16m".parse().unwrap());
    job.containers.make_network().await.unwrap();
    // containerd hears of what happens from a moment after the start on.
    let command = ["sh", "-c", "sleep 3; tail /dev/zero; exec sleep 9999"];
    let command = command.map(str::to_owned).to_vec();
    let terms = ServiceTerms { command: Some(command), ..ServiceTerms::default() };
    let greedy = job.service(0, "service:deaf", terms).await.unwrap();
    job.containers.start(&greedy).await.unwrap();
    job.ends(&greedy.id, End { life: Life::Running, out_of_memory: true }).await;
}

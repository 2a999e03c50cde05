//! Services while they start, and what they say.

use docker::containers::services::{
    Health, Readiness, State, Verdict, follow, judge, last_words, states,
};
use docker::containers::{Network, ServiceTerms};
use futures::{StreamExt, TryStreamExt};
use std::collections::BTreeMap;
use testkit::images::SERVICE_PORT;
use testkit::wait::{Seen, until};

use crate::lab::{Bench, Job, LIMIT};

impl Job {
    async fn service_started(&self, number: usize, image: &str, script: Option<&str>) -> String {
        let command = script.map(|script| ["sh", "-c", script].map(str::to_owned).to_vec());
        let terms = ServiceTerms { command, ..ServiceTerms::default() };
        let service = self.service(number, image, terms).await.unwrap();
        self.containers.start(&service).await.unwrap();
        service.id
    }
}

pub(crate) async fn services_become_ready_or_say_why_not(bench: &Bench) {
    let job = bench.job(Network::Own);
    job.containers.make_network().await.unwrap();
    let images = ["service:healthy", "service:unhealthy", "service:crash", "service:deaf"];
    let mut ids = Vec::new();
    for (number, image) in images.into_iter().enumerate() {
        ids.push(job.service_started(number, image, None).await);
    }
    job.service(4, "service:slow", ServiceTerms::default()).await.unwrap();
    let expected = BTreeMap::from([
        (0, State::Running(Health::Healthy)),
        (1, State::Running(Health::Unhealthy)),
        (2, State::Ended(Some(3))),
        (3, State::Running(Health::Unknown)),
        (4, State::Created),
    ]);
    let seen = until("every service to be what it is", LIMIT, async || {
        let seen = states(&job.docker, &job.marks).await.unwrap();
        if seen == expected { Seen::Ready(seen) } else { Seen::NotYet(format!("{seen:?}")) }
    });
    let seen = seen.await.unwrap();
    let mut verdicts = Vec::new();
    for (number, image) in images.into_iter().enumerate() {
        let (_, image) = job.image(image).await;
        verdicts.push(judge(&Readiness::of(&image, &[]), seen.get(&number).copied(), false));
    }
    assert_eq!(verdicts[0], Verdict::Ready);
    assert_eq!(verdicts[1], Verdict::NotYet("its health check fails"));
    assert_eq!(verdicts[2], Verdict::Never("it ended with exit code 3".to_owned()));
    assert_eq!(verdicts[3], Verdict::NotYet("none of its ports answers"));
    let deaf = Readiness::of(&job.image("service:deaf").await.1, &[]);
    assert_eq!(deaf, Readiness::Ports(vec![SERVICE_PORT]));
    let unhealthy = last_words(&job.docker, &ids[1]).await.unwrap();
    assert_eq!(unhealthy.health, ["the disk is on fire"]);
    let crashed = last_words(&job.docker, &ids[2]).await.unwrap();
    assert_eq!(crashed.log, ["no configuration: giving up"]);
}

pub(crate) async fn a_log_is_followed_and_taken_up_after_a_cut(bench: &Bench) {
    let job = bench.job(Network::Own);
    job.containers.make_network().await.unwrap();
    let script = "for i in $(seq 99); do echo line $i; done; printf '%02000d' 0; exec sleep 9999";
    let id = job.service_started(0, "service:deaf", Some(script)).await;
    let lines: Vec<_> = follow(&job.docker, &id, None).take(99).try_collect().await.unwrap();
    assert_eq!(lines[0].text, "line 1");
    assert_eq!(lines[98].text, "line 99");
    let after = Some(lines[96].at.clone());
    let rest: Vec<_> = follow(&job.docker, &id, after).take(2).try_collect().await.unwrap();
    assert_eq!(rest, lines[97..]);
    let words = last_words(&job.docker, &id).await.unwrap();
    assert_eq!(words.log.len(), 20, "{words:?}");
    assert!(words.log.iter().all(|line| line.len() < 1100), "{words:?}");
}

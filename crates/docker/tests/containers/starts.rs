//! What happens when containers are made and started.

use docker::containers::{BuildTerms, JobContainers, Network, Role, ServiceTerms};
use futures::future::join_all;
use job::Blame;
use job::settings::Device;

use crate::lab::{Bench, Job};

pub(crate) async fn a_container_of_the_same_name_is_replaced(bench: &Bench) {
    let job = bench.job(Network::Shared);
    let earlier = job.started("job:bash").await;
    let later = job.started("job:sh").await;
    assert_ne!(earlier.id, later.id);
    let named = format!("name={}$", job.marks.container(Role::Build));
    let list = ["ps", "--all", "--quiet", "--no-trunc", "--filter", &named];
    assert_eq!(bench.cli(&list).await, later.id);
}

pub(crate) async fn a_container_that_was_written_down_is_started_later(bench: &Bench) {
    let job = bench.first_job();
    let written = serde_json::to_vec(&job.helper().await.unwrap()).unwrap();
    let later = JobContainers::new(&job.docker, job.marks, Network::Shared, job.agent);
    later.start(&serde_json::from_slice(&written).unwrap()).await.unwrap();
}

pub(crate) async fn the_shared_network_is_made_once_by_rivals(bench: &Bench) {
    let jobs: Vec<_> = (0..4).map(|_| bench.job(Network::Shared)).collect();
    join_all(jobs.iter().map(|job| job.started("job:bash"))).await;
    let format = "{{.Name}} {{.Labels}}";
    let list = ["network", "ls", "--filter", "name=^swarm-executor$", "--format", format];
    assert_eq!(bench.cli(&list).await, "swarm-executor swarm-executor.role=network");
    let format = r#"{{index .Options "com.docker.network.bridge.enable_icc"}}"#;
    let inspect = ["network", "inspect", "--format", format, "swarm-executor"];
    assert_eq!(bench.cli(&inspect).await, "false");
}

pub(crate) async fn services_are_found_by_their_aliases(bench: &Bench) {
    let job = bench.job(Network::Own);
    job.containers.make_network().await.unwrap();
    // As after an attempt that was killed.
    job.containers.make_network().await.unwrap();
    let terms = ServiceTerms { aliases: vec!["db".to_owned()], ..ServiceTerms::default() };
    let service = job.service(0, "service:deaf", terms).await.unwrap();
    job.containers.start(&service).await.unwrap();
    let network = job.marks.network();
    let ask = ["run", "--rm", "--network", &network, "job:bash", "getent", "hosts", "db"];
    assert!(bench.cli(&ask).await.ends_with(" db"));
}

pub(crate) async fn what_the_engine_refuses_is_told(bench: &Bench) {
    let device = Device {
        host: "/dev/nowhere".to_owned(),
        container: "/dev/nowhere".to_owned(),
        permissions: "rw".to_owned(),
    };
    for (change, expected) in [
        (
            Box::new(|job: &mut Job| job.profile.security.devices = vec![device])
                as Box<dyn FnOnce(&mut Job)>,
            "the engine's machine doesn't have a device of it",
        ),
        (
            Box::new(|job| job.profile.security.runtime = Some("nothing".to_owned())),
            "the engine doesn't have its runtime",
        ),
        (
            Box::new(|job| job.profile.volumes = vec!["/etc:relative".to_owned()]),
            "the engine can't mount all of its volumes",
        ),
        (
            Box::new(|job| job.profile.security.user = Some("nobody-knows".to_owned())),
            "the image doesn't know its user or group",
        ),
    ] {
        let mut job = bench.job(Network::Shared);
        change(&mut job);
        let failure = refused(&job, BuildTerms::default()).await;
        let told = failure.render();
        assert!(told.contains(expected) && told.contains("in the profile"), "{told}");
        assert!(told.starts_with("the build container of image job:bash can't be started"));
        assert_eq!(failure.blame(), Blame::System, "{told}");
    }
    let user = Some("nobody-knows".to_owned());
    let terms = BuildTerms { user, ..BuildTerms::default() };
    let failure = refused(&bench.job(Network::Shared), terms).await;
    assert_eq!(failure.blame(), Blame::Job, "{}", failure.render());
}

pub(crate) async fn a_service_without_its_program_is_the_jobs_failure(bench: &Bench) {
    let job = bench.job(Network::Own);
    job.containers.make_network().await.unwrap();
    let command = Some(vec!["nowhere".to_owned()]);
    let terms = ServiceTerms { command, ..ServiceTerms::default() };
    let service = job.service(0, "service:deaf", terms).await.unwrap();
    let failure = job.containers.start(&service).await.unwrap_err();
    let told = failure.render();
    assert!(told.contains("the service service:deaf can't be started: the image doesn't have"));
    assert_eq!(failure.blame(), Blame::Job, "{told}");
}

async fn refused(job: &Job, terms: BuildTerms) -> job::Failure {
    match job.build_with("job:bash", terms).await {
        Ok(container) => job.containers.start(&container).await.unwrap_err(),
        Err(failure) => failure,
    }
}

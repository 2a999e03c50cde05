//! Jobs that were written for docker-in-docker, unchanged: they get the cluster's engine where they
//! look for their own, no such container is started, and nothing listens anywhere.

use std::collections::BTreeSet;

use job::{Failure, Result};
use play::{Cancel, Job, Protocol, Service, Variable};
use scenarios::{Engine, Moment, Scenario, at};
use testkit::nodes::Node;
use tokio::sync::Notify;

use crate::made::{Made, roles_of};
use crate::row::{nothing_is_left, play_as};

/// Builds an image, runs it, feeds a container, and asks for what can't be had.
const SCRIPT: [&str; 9] = [
    "IMAGE=built:$CI_JOB_ID",
    "echo 'from the build context' > greeting",
    r"printf 'FROM job:sh\nCOPY greeting /greeting\nRUN cat /greeting > /copied\n' > Dockerfile",
    "docker build -t $IMAGE .",
    "docker run --rm $IMAGE cat /copied",
    "echo through stdin | docker run -i --rm job:sh tr a-z A-Z",
    "docker rmi $IMAGE",
    "docker run --rm -v $PWD:/x job:sh ls /x || echo it failed with $?",
    "docker run --rm -v $PWD/greeting:/x:ro job:sh cat /x || echo it failed with $?",
];

/// A job of docker's image with docker-in-docker beside it, as GitLab's documentation has it
/// (<https://docs.gitlab.com/ci/docker/using_docker_build/#use-docker-in-docker>).
fn job(scenario: &Scenario, aliases: &[&str], variables: &[(&str, &str)]) -> Job {
    let aliases = aliases.iter().map(ToString::to_string).collect();
    let dind = Service { aliases, ..Service::from("docker:19.03.0-dind") };
    let job = scenario.plain("docker build", "docker:19.03.0").service(dind);
    let variables = variables.iter().map(|(name, value)| Variable::new(*name, *value));
    variables.fold(job, Job::variable)
}

#[tokio::test]
async fn jobs_for_docker_in_docker_pass_unchanged() -> Result<()> {
    let scenario = Scenario::new()?;
    let engine = Engine::of_the_cluster(&scenario, "")?;
    let mut made = Made::on(&engine.node)?;
    let mut played = Vec::new();
    let tls = |host| {
        [
            ("DOCKER_HOST", host),
            ("DOCKER_TLS_CERTDIR", "/certs"),
            ("DOCKER_TLS_VERIFY", "1"),
            ("DOCKER_CERT_PATH", "$DOCKER_TLS_CERTDIR/client"),
        ]
    };
    for (protocol, aliases, variables) in [
        (Protocol::V19, &[][..], &[][..]),
        (Protocol::V14_7, &[], &[("DOCKER_HOST", "tcp://docker:2375"), ("DOCKER_TLS_CERTDIR", "")]),
        (Protocol::V19, &[], &tls("tcp://docker:2376")),
        (Protocol::V14_7, &["mydocker"], &tls("tcp://mydocker:2376")),
    ] {
        let job = job(&scenario, aliases, variables).script(SCRIPT);
        let outcome = play_as(protocol, &engine, &job).await?;
        let log = outcome.log_text();
        assert!(outcome.is_success(), "{variables:?}\n{log}");
        for said in ["\nfrom the build context\n", "\nTHROUGH STDIN\n"] {
            assert!(log.contains(said), "{said}\n{log}");
        }
        let foreign = "is in this job's own file system, but the engine at";
        assert_eq!(log.matches(foreign).count(), 2, "{log}");
        assert_eq!(log.matches("\nit failed with 125\n").count(), 2, "{log}");
        assert!(!log.contains("leads its docker elsewhere"), "{log}");
        played.push(job);
    }
    let made = made.until_now().await?;
    for job in played {
        assert_eq!(roles_of(&job, &made), ["build", "helper"], "{}", job.id);
    }
    Ok(())
}

#[tokio::test]
async fn nothing_listens_for_the_jobs_docker_outside_its_container() -> Result<()> {
    let scenario = Scenario::new()?;
    let engine = Engine::of_the_cluster(&scenario, "")?;
    let job = job(&scenario, &[], &[("DOCKER_HOST", "tcp://docker:2376")]).script([
        "export DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=/certs/client",
        "docker node ls > /dev/null && echo stan''ding by",
        "until docker volume inspect looked-$CI_JOB_ID > /dev/null 2>&1; do sleep 0.1; done",
        "docker volume rm looked-$CI_JOB_ID",
    ]);
    let volume = format!("looked-{}", job.id);
    let (cancel, ready) = (Cancel::default(), Notify::new());
    let mut runs = None;
    let looked = at(Moment::Said("standing by"), |process| {
        runs = Some(listeners_of(process.pid));
        ready.notify_one();
    });
    let runner = engine.runner(Protocol::V19);
    let looking = async {
        ready.notified().await;
        let told = tokio::try_join!(listening_ports(&engine.node), containers(&engine.node, &job));
        engine.node.docker(&["volume", "create", &volume]).await.and(told)
    };
    let (outcome, told) = tokio::join!(runner.play(&job, &cancel, looked), looking);
    let (ports, containers) = told?;
    assert!(outcome.is_success(), "{}", outcome.log_text());
    assert!(!ports.contains(&2375) && ports.contains(&2376), "{ports:?}");
    assert_eq!(containers, "false map[]\nfalse map[]");
    assert_eq!(runs, Some(0));
    nothing_is_left(&engine, &job, &outcome).await
}

/// On how many ports a process of the runner machine listens.
fn listeners_of(pid: u32) -> usize {
    let listening = |it: &procfs::net::TcpNetEntry| it.state == procfs::net::TcpState::Listen;
    let tables = [procfs::net::tcp(), procfs::net::tcp6()];
    let listening: BTreeSet<_> =
        tables.into_iter().flatten().flatten().filter(listening).map(|it| it.inode).collect();
    let process = procfs::process::Process::new(pid.cast_signed());
    let descriptors = process.and_then(|process| process.fd()).into_iter().flatten().flatten();
    let is_listening = |it: &procfs::process::FDInfo| match it.target {
        procfs::process::FDTarget::Socket(inode) => listening.contains(&inode),
        _ => false,
    };
    descriptors.filter(is_listening).count()
}

/// The ports on which anything listens on the node.
async fn listening_ports(node: &Node) -> Result<BTreeSet<u16>> {
    let cannot = |error| Failure::system("cannot see who listens").caused_by(error);
    let table = node.command("cat")?.args(["/proc/net/tcp", "/proc/net/tcp6"]).output().await;
    let table = table.map_err(cannot)?.stdout;
    let port = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let (local, state) = (words.next()?, words.nth(1)?);
        let port = u16::from_str_radix(local.rsplit(':').next()?, 16).ok()?;
        (state == "0A").then_some(port)
    };
    Ok(String::from_utf8_lossy(&table).lines().filter_map(port).collect())
}

/// Whether each of the job's containers is privileged, and which ports it publishes.
async fn containers(node: &Node, job: &Job) -> Result<String> {
    let filter = format!("label=swarm-executor.job=gitlab.example.com-{}", job.id);
    let listed = node.docker(&["ps", "--quiet", "--filter", &filter]).await?;
    let format = "--format={{.HostConfig.Privileged}} {{.HostConfig.PortBindings}}";
    let inspect: Vec<_> = ["inspect", format].into_iter().chain(listed.lines()).collect();
    node.docker(&inspect).await
}

//! Clusters that can't be reached, are none, or go away.

use std::time::Duration;

use job::Result;
use play::{Cancel, Status};
use scenarios::{Credentials, Moment, Scenario, at, runner_with, settings};
use testkit::nodes::{PlainHttp, Swarm, SwarmOptions};
use tokio::sync::Notify;

use crate::row::{NEWEST, assert_told, cannot, deploy, jobs, name, systems, table};

/// Enough for a cluster nearby.
const PATIENCE: &str = "[profile.default.cluster]\nconnect_timeout = \"2s\"\n";

#[tokio::test]
async fn an_address_that_leads_to_no_cluster_is_told() -> Result<()> {
    let scenario = Scenario::new()?;
    let with = |endpoint: &str| deploy(&scenario, &[("DOCKER_SWARM_MASTER", endpoint)]);
    let refusing = scenario.swarm.refusing_endpoint();
    let http = PlainHttp::listen().await?;
    let plain = http.endpoint();
    table(vec![
        systems(with(&refusing), format!("\
cannot reach the cluster at {refusing}: it refuses connections
  hint: check that the engine there runs with `-H tcp://0.0.0.0:2376 --tlsverify`, or correct the variable DOCKER_SWARM_MASTER
")),
        systems(with("manager.invalid"), "\
cannot reach the cluster at tcp://manager.invalid:2376: the name has no address
  hint: check the name service of this runner machine, or correct the variable DOCKER_SWARM_MASTER
"),
        jobs(with(&plain), format!("\
cannot reach the cluster at {plain}: it does not speak TLS there, most likely plain HTTP
  hint: point the variable DOCKER_SWARM_MASTER at the engine's TLS port, by default 2376, or start the engine with --tlsverify
")),
        jobs(with("tcp://manager:2377"), "\
the variable DOCKER_SWARM_MASTER is tcp://manager:2377, but 2377 is the port where swarm nodes speak with each other
  hint: name the engine's own port, by default 2376
"),
        jobs(with("unix:///var/run/docker.sock"), "\
the variable DOCKER_SWARM_MASTER is unix:///var/run/docker.sock, but a cluster is reached by TCP with mutual TLS only
  hint: write the manager's address as tcp://HOST:2376
"),
        jobs(with(""), "\
the variable DOCKER_SWARM_MASTER names no cluster: it is empty
  hint: write the manager's address as tcp://HOST:2376
"),
    ])
    .await;
    Ok(())
}

#[tokio::test]
async fn a_silent_cluster_is_given_up_within_the_time_set() -> Result<()> {
    let scenario = Scenario::new()?;
    let silent = scenario.swarm.silent_endpoint();
    let patience = settings(PATIENCE)?;
    let row = systems(deploy(&scenario, &[("DOCKER_SWARM_MASTER", &silent)]), format!("\
cannot reach the cluster at {silent}: no answer within 2s
  hint: check the firewall between this runner machine and the engine, or correct the variable DOCKER_SWARM_MASTER
"));
    let outcome = row.with(&["--settings", name(&patience)]).check().await;
    let slowest = outcome.stages.iter().map(|stage| stage.took).max().unwrap_or_default();
    assert!(slowest < Duration::from_secs(4), "{slowest:?}");
    Ok(())
}

#[tokio::test]
async fn an_engine_that_takes_no_orders_is_told() -> Result<()> {
    let scenario = Scenario::new()?;
    let with = |endpoint: &str| deploy(&scenario, &[("DOCKER_SWARM_MASTER", endpoint)]);
    let manager = scenario.swarm.manager();
    let worker = scenario.swarm.workers().next().expect("a worker").endpoint();
    let lone = scenario.swarm.lone_engines().next().expect("a lone engine").endpoint();
    let misnamed = manager.misnamed_endpoint();
    let (ip, name) = (manager.ip, &manager.name);
    let other = misnamed.trim_start_matches("tcp://").trim_end_matches(":2376");
    table(vec![
        jobs(with(&worker), format!("\
{worker} is a worker of its swarm, and only managers take orders
  hint: name a manager in the variable DOCKER_SWARM_MASTER; it knows {ip}
")),
        jobs(with(&lone), format!("\
the engine at {lone} is not part of a swarm
  hint: run `docker swarm init` on that machine, or name a swarm's manager in the variable DOCKER_SWARM_MASTER
")),
        jobs(with(&misnamed), format!("\
cannot reach the cluster at {misnamed}: its certificate is for {ip}, {name}, localhost, not for {other}
  hint: use one of these names in the variable DOCKER_SWARM_MASTER, or issue the server's certificate with subjectAltName = IP:{other}
")),
    ])
    .await;
    Ok(())
}

#[tokio::test]
async fn a_cluster_with_a_bad_certificate_is_the_systems() -> Result<()> {
    let scenario = Scenario::new()?;
    let swarm = small_swarm().await?;
    let manager = swarm.manager();
    let (endpoint, ip) = (manager.endpoint(), manager.ip);
    let server = || swarm.authority().server([ip]);
    for (certificate, told) in [
        (server().expired(), "\
its certificate expired on TIME; this machine's clock says TIME
  hint: renew the certificate of the engine and restart it
".to_owned()),
        (server().not_yet_valid(), "\
its certificate is valid from TIME only; this machine's clock says TIME
  hint: compare the clocks of both machines
".to_owned()),
        (server().marked_as_ca(), format!("\
it presents a CA's certificate as its own
  hint: issue a certificate for the server: X.509 version 3, SHA-256, CA:FALSE, extendedKeyUsage = serverAuth, subjectAltName = IP:{ip}
")),
    ] {
        manager.present(&certificate.issue()?)?;
        manager.restart().await?;
        let job = Credentials::new(&endpoint, swarm.client()?).give(deploy(&scenario, &[]));
        systems(job, format!("cannot reach the cluster at {endpoint}: {told}")).check().await;
    }
    swarm.stop().await
}

#[tokio::test]
async fn a_cluster_that_falls_silent_under_a_job_is_told_by_its_docker() -> Result<()> {
    let scenario = Scenario::new()?;
    let swarm = small_swarm().await?;
    let manager = swarm.manager();
    let patience = settings(PATIENCE)?;
    let plugged = settings("")?;
    let script = format!("while [ -e {} ]; do sleep 0.05; done; docker node ls", plugged.display());
    let job = Credentials::new(&manager.endpoint(), swarm.client()?)
        .give(scenario.job("deploy"))
        .script([script]);
    let runner = runner_with(NEWEST, &["--settings", name(&patience)]);
    let (cancel, started) = (Cancel::default(), Notify::new());
    let script_starts = at(Moment::Started("build_script"), |_| started.notify_one());
    let playing = runner.play(&job, &cancel, script_starts);
    let unplugging = async {
        started.notified().await;
        manager.unplug().await?;
        plugged.close().map_err(cannot)
    };
    let (outcome, unplugged) = tokio::join!(playing, unplugging);
    unplugged?;
    assert_eq!(outcome.status, Status::ScriptFailure(1), "{}", outcome.log_text());
    assert!(outcome.log_text().contains(&format!("\
Error response from daemon: cannot reach the cluster at {}: no answer within 2s
  hint: check the firewall between this runner machine and the engine, or correct the variable DOCKER_SWARM_MASTER
", manager.endpoint())), "{}", outcome.log_text());
    assert_told(&job, &outcome, "");
    swarm.stop().await
}

/// A swarm of its own, for tests that break it.
async fn small_swarm() -> Result<Swarm> {
    Swarm::start(SwarmOptions { workers: 0, ..SwarmOptions::default() }).await
}

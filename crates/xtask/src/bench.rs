//! `cargo xtask bench`: what swarm-executor costs, beside the least that could do the same.
//!
//! Each figure comes from two ways that take turns on one machine in one run, so that whatever
//! else the machine does slows both. A missed aim is shown, not punished: this is no test.
//! `docs/benchmarks.md` explains how to read it.

mod client;
mod engine;
mod jobs;
mod latency;
mod memory;
mod noop;
mod pairs;
mod scripts;
mod stages;
mod table;
mod transfer;

use std::fs;
use std::path::PathBuf;
use std::pin::pin;

use clap::{Args, ValueEnum};
use job::{Failure, Result};
use testkit::images;
use testkit::nodes::{Node, Swarm, SwarmHandle, SwarmOptions};
use tokio_util::sync::CancellationToken;

use crate::cargo::{self, Profile};
use crate::say;
use jobs::Jobs;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Measure only these
    parts: Vec<Part>,
    /// Measure the programs in this directory, instead of building them
    #[arg(long)]
    programs: Option<PathBuf>,
    /// How many no-op jobs to play each way
    #[arg(long, default_value_t = 30)]
    jobs: usize,
    /// How many no-op jobs in containers to play each way
    #[arg(long, default_value_t = 4)]
    container_jobs: usize,
    /// How many docker commands to run each way
    #[arg(long, default_value_t = 40)]
    commands: usize,
    /// How many requests to send each way on a connection that is kept
    #[arg(long, default_value_t = 500)]
    requests: usize,
    /// How many transfers to make each way
    #[arg(long, default_value_t = 4)]
    transfers: usize,
    /// How much one transfer moves, in MiB
    #[arg(long, default_value_t = 1024)]
    size: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// A job that does nothing, beside four trivial shell scripts
    Noop,
    /// Jobs in containers that do nothing, beside a bash driver and the least of requests
    Engine,
    /// docker commands and single requests, beside direct mutual TLS
    Latency,
    /// Large transfers both ways, beside direct mutual TLS
    Transfer,
    /// The peak memory of each stage
    Memory,
}

impl Arguments {
    fn wants(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }
}

/// Measures and prints. Ctrl-C cancels the job that runs, as a person would in GitLab, and then
/// takes the swarm down.
pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let programs = match &arguments.programs {
        Some(directory) => directory.clone(),
        None => cargo::build(Profile::Release)?,
    };
    say("starting a swarm of one manager");
    let swarm = Swarm::start(SwarmOptions { workers: 0, ..SwarmOptions::default() }).await?;
    let measured = until_interrupted(arguments, &swarm, programs).await;
    swarm.stop().await.and(measured)
}

async fn until_interrupted(
    arguments: &Arguments,
    swarm: &SwarmHandle,
    programs: PathBuf,
) -> Result<()> {
    let interrupted = CancellationToken::new();
    let jobs = Jobs::new(swarm, programs, interrupted.clone())?;
    let mut measured = pin!(measure(arguments, swarm, &jobs));
    tokio::select! {
        measured = &mut measured => return measured,
        _ = tokio::signal::ctrl_c() => interrupted.cancel(),
    }
    // Whatever it was at fails now, which says nothing.
    let _ = measured.await;
    Err(Failure::system("interrupted"))
}

async fn measure(arguments: &Arguments, swarm: &SwarmHandle, jobs: &Jobs) -> Result<()> {
    swarm.load(&images::all().await?).await?;
    let manager = swarm.manager();
    table::print_line(&machine(manager).await?);
    if arguments.wants(Part::Noop) {
        say("no-op jobs, and the same jobs by four trivial scripts");
        table::print(&noop::measure(jobs, arguments.jobs).await?);
    }
    if arguments.wants(Part::Engine) {
        say(
            "no-op jobs in containers, by a bash driver, and by the requests that can't be avoided",
        );
        engine::measure(jobs, manager, arguments.container_jobs).await?;
    }
    if arguments.wants(Part::Latency) {
        say("docker commands and single requests, through the gateway and direct");
        let (commands, requests) = (arguments.commands, arguments.requests);
        table::print(&latency::measure(jobs, commands, requests).await?);
    }
    if arguments.wants(Part::Transfer) {
        say("transfers, through the gateway and direct");
        let (count, size) = (arguments.transfers, arguments.size);
        let mut rows = transfer::measure(jobs, manager, count, size).await?;
        rows.extend(transfer::output(jobs, manager, count, size).await?);
        table::print(&rows);
    }
    if arguments.wants(Part::Memory) {
        say("peak memory");
        let mut rows = memory::measure(jobs, manager, arguments.size).await?;
        rows.extend(memory::of_container(jobs, manager, arguments.size).await?);
        table::print(&rows);
    }
    Ok(())
}

/// What the figures depend on, in one line.
async fn machine(manager: &Node) -> Result<String> {
    let engine = manager.docker(&["version", "--format", "{{.Server.Version}}"]).await?;
    let client = manager.docker(&["version", "--format", "{{.Client.Version}}"]).await?;
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    Ok(format!(
        "{cores} cores, Linux {kernel}, Docker Engine {engine}, docker CLI {client}, load {load}"
    ))
}

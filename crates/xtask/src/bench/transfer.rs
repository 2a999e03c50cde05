//! Large transfers both ways, by the docker CLI, and the large output of a script in a container.
//!
//! What is sent are zeros from sparse files, so that no disk is measured where none is needed;
//! neither Docker's API nor TLS compresses them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use job::{Failure, Result};
use testkit::nodes::Node;
use tokio::process::Command;

use super::jobs::{IMAGE, Jobs, Placement};
use super::latency::{quietly, successfully};
use super::pairs::{Pairs, Short};
use super::table::{Aim, Row};

/// The least part of direct's throughput that is left.
const LIMIT: f64 = 0.9;

/// The container that is copied from and to.
const CONTAINER: &str = "bench";

/// One transfer, as arguments of docker, with what it reads on stdin.
pub(crate) struct Transfer {
    name: &'static str,
    arguments: &'static [&'static str],
    input: Option<PathBuf>,
}

pub(crate) async fn measure(
    jobs: &Jobs,
    manager: &Node,
    count: usize,
    size: u64,
) -> Result<Vec<Row>> {
    let transfers = all(jobs.directory(), manager, size).await?;
    jobs.waiting(&jobs.runner(Placement::Host), jobs.job(&[]), async |waiting| {
        let mut rows = Vec::new();
        for transfer in &transfers {
            let pairs = Pairs::take(
                count,
                async || transfer.make(&mut jobs.docker_direct()).await,
                async || transfer.make(&mut waiting.docker()).await,
            );
            rows.push(row(transfer.name, &pairs.await?, size));
        }
        Ok(rows)
    })
    .await
}

/// The output of the same command: of `docker exec`, and of a job's script in a container. Both go
/// through a pipe, as all that gitlab-runner reads.
pub(crate) async fn output(
    jobs: &Jobs,
    manager: &Node,
    count: usize,
    size: u64,
) -> Result<Vec<Row>> {
    start_container(manager, IMAGE).await?;
    let write = format!("head --bytes={size}M /dev/zero");
    let exec = ["exec", CONTAINER, "bash", "-c", &write];
    let runner = jobs.redirected_runner(Placement::Engine, ">(exec cat >/dev/null)");
    let mut pairs = Pairs::default();
    for counts in [false].into_iter().chain(std::iter::repeat_n(true, count)) {
        let began = Instant::now();
        piped(jobs.docker_direct().args(exec)).await?;
        let plain = began.elapsed();
        let job = jobs.container_job(&jobs.endpoint, &[&write]);
        let outcome = jobs.play(&runner, &job, |_| {}).await?;
        if let (true, Some(stage)) = (counts, outcome.stage("build_script")) {
            pairs.add(plain, stage.took);
        }
    }
    Ok(vec![row("script in a container, out", &pairs, size)])
}

async fn piped(docker: &mut Command) -> Result<()> {
    let failed = |error| Failure::system("cannot run cat").caused_by(error);
    let (reader, writer) = std::io::pipe().map_err(failed)?;
    let mut cat = Command::new("cat");
    cat.stdin(reader).stdout(Stdio::null()).kill_on_drop(true);
    let _cat = cat.spawn().map_err(failed)?;
    successfully(docker.stdout(writer)).await
}

/// Makes what is transferred, and the container at the other end.
pub(crate) async fn all(directory: &Path, manager: &Node, size: u64) -> Result<Vec<Transfer>> {
    start_container(manager, "jwilder/whoami:latest").await?;
    let make = format!("truncate -s {size}M /large");
    manager.docker(&["exec", CONTAINER, "sh", "-c", &make]).await?;
    let (zeros, archive) = (directory.join("zeros"), directory.join("zeros.tar"));
    write(&zeros, &archive, size << 20)
        .map_err(|error| Failure::system("cannot make what to transfer").caused_by(error))?;
    Ok(vec![
        Transfer { name: "docker cp, out", arguments: &["cp", "bench:/large", "-"], input: None },
        Transfer {
            name: "docker cp, in",
            arguments: &["cp", "-", "bench:/"],
            input: Some(archive),
        },
        Transfer {
            name: "docker exec -i, in",
            arguments: &["exec", "-i", CONTAINER, "sh", "-c", "cat >/dev/null"],
            input: Some(zeros.clone()),
        },
        Transfer {
            name: "docker exec, out",
            arguments: &["exec", CONTAINER, "cat", "/large"],
            input: None,
        },
    ])
}

/// Starts the container at the other end; one that is there goes.
async fn start_container(manager: &Node, image: &str) -> Result<()> {
    manager.docker(&["rm", "--force", CONTAINER]).await.ok();
    let start = ["run", "--detach", "--network=none", "--name", CONTAINER];
    manager.docker(&[start.as_slice(), &[image, "sleep", "100000"]].concat()).await.map(drop)
}

/// A sparse file, and a sparse archive with such a file.
fn write(zeros: &Path, archive: &Path, size: u64) -> std::io::Result<()> {
    /// An archive ends with two empty blocks.
    const END: u64 = 1024;
    File::create(zeros)?.set_len(size)?;
    let mut header = tar::Header::new_gnu();
    header.set_path("zeros")?;
    header.set_mode(0o644);
    header.set_size(size);
    header.set_cksum();
    std::fs::write(archive, header.as_bytes())?;
    let whole = header.as_bytes().len() as u64 + size + END;
    File::options().write(true).open(archive)?.set_len(whole)
}

impl Transfer {
    /// Makes the transfer with this docker CLI.
    pub(crate) async fn make(&self, docker: &mut Command) -> Result<()> {
        let input = match &self.input {
            Some(path) => Stdio::from(File::open(path).map_err(|error| {
                Failure::system(format!("cannot read {}", path.display())).caused_by(error)
            })?),
            None => Stdio::null(),
        };
        quietly(docker.args(self.arguments).stdin(input)).await
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn row(name: &str, pairs: &Pairs, size: u64) -> Row {
    let throughput = 1.0 / pairs.ratio();
    Row {
        what: format!("{name}, {size} MiB"),
        plain: pairs.plain().throughput(size as f64),
        ours: pairs.ours().throughput(size as f64),
        figure: format!("{}× of direct", Short(throughput)),
        aim: Some(Aim { words: "≥ 0.9×", met: throughput >= LIMIT }),
    }
}

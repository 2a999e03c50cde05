//! The peak memory of each stage's process, the agent's added to that of `run`.
//!
//! It is the kernel's high-water mark of resident memory, `VmHWM`
//! (<https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>), which only rises. A stage that
//! waits is asked before it ends; short ones are asked all the time, so what is missed is what
//! they grow within the last fraction of a millisecond. `wait4` would not do: for `run` it tells of
//! the job's own commands too.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use job::{Failure, Result};
use play::Event;
use procfs::process::Process;
use testkit::nodes::Node;

use super::jobs::{Jobs, Placement, Waiting};
use super::table::{Aim, Row};
use super::transfer;

/// What a stage may need, in KiB.
const LIMIT: u64 = 20 * 1024;

/// What `run` and an agent in a container may need each, in KiB.
const CONTAINER_LIMIT: u64 = 32 * 1024;

/// Jobs that are looked at, for a look may come a little early.
const JOBS: usize = 5;

/// Between two looks.
const PACE: Duration = Duration::from_micros(200);

/// Where output goes of which only the lines that tell something come here: the player keeps a job's
/// log whole.
const TELLING: &str = ">(exec grep --line-buffered --invert-match '^$')";

const AGENT: &str = "swarm-executor-agent";

/// The highest marks of processes, in KiB, by what they are.
type Peaks = BTreeMap<String, u64>;

pub(crate) async fn measure(jobs: &Jobs, manager: &Node, size: u64) -> Result<Vec<Row>> {
    let mut rows = rows("no-op job", &in_jobs(jobs).await?);
    rows.extend(self::rows(
        &format!("{size} MiB each way"),
        &in_transfers(jobs, manager, size).await?,
    ));
    rows.extend(self::rows(&format!("{size} MiB of output"), &in_output(jobs, size).await?));
    Ok(rows)
}

/// Of every stage of a job that does nothing.
async fn in_jobs(jobs: &Jobs) -> Result<Peaks> {
    let peaks = Arc::new(Mutex::new(Peaks::new()));
    for _ in 0..JOBS {
        let job = jobs.job(&["true"]);
        let watcher = |event| {
            if let Event::Started(process) = event {
                let peaks = Arc::clone(&peaks);
                std::thread::spawn(move || watch(process.pid, &peaks));
            }
        };
        jobs.play(&jobs.runner(Placement::Host), &job, watcher).await?;
    }
    let peaks = peaks.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(peaks.clone())
}

/// Of a stage whose gateway passes large transfers.
async fn in_transfers(jobs: &Jobs, manager: &Node, size: u64) -> Result<Peaks> {
    let transfers = transfer::all(jobs.directory(), manager, size).await?;
    jobs.waiting(&jobs.runner(Placement::Host), jobs.job(&[]), async |waiting| {
        for transfer in &transfers {
            transfer.make(&mut waiting.docker()).await?;
        }
        now(waiting)
    })
    .await
}

/// Of a stage whose script writes much.
async fn in_output(jobs: &Jobs, size: u64) -> Result<Peaks> {
    let runner = jobs.redirected_runner(Placement::Host, TELLING);
    jobs.waiting(&runner, jobs.job(&[&empty_lines(size)]), async |waiting| now(waiting)).await
}

/// Of `run` and of the agent in the container when a script there has written much.
pub(crate) async fn of_container(jobs: &Jobs, manager: &Node, size: u64) -> Result<Vec<Row>> {
    let runner = jobs.redirected_runner(Placement::Engine, TELLING);
    let job = jobs.container_job(&jobs.endpoint, &[&empty_lines(size)]);
    let peaks = jobs.waiting(&runner, job, async |waiting| {
        let mut peaks = now(waiting)?;
        peaks.extend(mark(&first_process(manager).await?));
        Ok(peaks)
    });
    let row = |(name, peak): (String, u64)| Row {
        aim: Some(Aim { words: "≤ 32 MiB", met: peak <= CONTAINER_LIMIT }),
        ..row(&format!("{size} MiB of output in a container"), &name, peak, 0)
    };
    Ok(peaks.await?.into_iter().map(row).collect())
}

/// The first process of the only build container, as this machine sees it: the engine has a process
/// namespace of its own, so its numbers don't count here, but the agent's command line has the name
/// of the job.
async fn first_process(manager: &Node) -> Result<Process> {
    let list = ["ps", "--quiet", "--filter", "label=swarm-executor.role=build"];
    let container = manager.docker(&list).await?;
    let format = "{{.Path}}{{range .Args}} {{.}}{{end}}";
    let words = manager.docker(&["inspect", "--format", format, container.trim()]).await?;
    let command: Vec<_> = words.split_whitespace().collect();
    let found = procfs::process::all_processes().ok().and_then(|mut all| {
        all.find_map(|process| process.ok().filter(|it| it.cmdline().is_ok_and(|it| it == command)))
    });
    found.ok_or_else(|| Failure::system(format!("no process runs `{words}`")))
}

/// So many MiB of them, as a command.
fn empty_lines(size: u64) -> String {
    format!("head --bytes={size}M /dev/zero | tr '\\0' '\\n'")
}

/// Looks at a process and its agent until it has ended.
fn watch(pid: u32, peaks: &Mutex<Peaks>) {
    while let Some(found) = marks(pid) {
        let mut peaks = peaks.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, mark) in found {
            let peak = peaks.entry(name).or_default();
            *peak = mark.max(*peak);
        }
        drop(peaks);
        std::thread::sleep(PACE);
    }
}

fn now(waiting: &Waiting) -> Result<Peaks> {
    marks(waiting.run.pid).ok_or_else(|| Failure::system("the waiting job has ended"))
}

/// The marks of a process and, if it has one, its agent; nothing when it has ended.
fn marks(pid: u32) -> Option<Peaks> {
    let process = Process::new(pid.cast_signed()).ok()?;
    let children =
        process.tasks().ok()?.flatten().filter_map(|task| task.children().ok()).flatten();
    let agents = children.filter_map(|child| mark(&Process::new(child.cast_signed()).ok()?));
    let agents: Vec<_> = agents.filter(|(name, _)| name == AGENT).collect();
    Some(agents.into_iter().chain([mark(&process)?]).collect())
}

/// What a process is, and its mark.
fn mark(process: &Process) -> Option<(String, u64)> {
    let program = process.exe().ok()?;
    let name = program.file_name().and_then(|name| Path::new(name).to_str())?.to_owned();
    Some((name, process.status().ok()?.vmhwm?))
}

/// A row for each stage.
fn rows(when: &str, peaks: &Peaks) -> Vec<Row> {
    let agent = peaks.get(AGENT).copied().unwrap_or(0);
    let stages = peaks.iter().filter(|(name, _)| *name != AGENT);
    stages
        .map(|(name, peak)| row(when, name, *peak, if name.ends_with("-run") { agent } else { 0 }))
        .collect()
}

fn row(when: &str, name: &str, peak: u64, agent: u64) -> Row {
    let stage = name.trim_start_matches("swarm-executor-");
    let (whole, of) = if agent == 0 {
        (peak, String::new())
    } else {
        (peak + agent, format!("{} and agent {}", mebibytes(peak), mebibytes(agent)))
    };
    Row {
        what: format!("peak memory of {stage}, {when}"),
        plain: String::new(),
        ours: mebibytes(whole),
        figure: of,
        aim: Some(Aim { words: "≤ 20 MiB", met: whole <= LIMIT }),
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn mebibytes(kibibytes: u64) -> String {
    format!("{:.1} MiB", kibibytes as f64 / 1024.0)
}

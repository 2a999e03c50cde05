//! A script that says more than anybody wants to read, to a reader who stops for a while.

use std::cell::Cell;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use job::{Failure, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use play::{Cancel, Exec, Process as Stage, Protocol};
use procfs::process::{Process, all_processes};
use scenarios::{Engine, HELPER, Left, Moment, Scenario, at, left_by, program};
use tempfile::TempDir;
use testkit::wait::{Seen, until};
use tokio::sync::mpsc;

/// A good mebibyte in which no two lines are alike, so many times over: 1 GiB.
const PIECE: &str = "seq 200000";
const TIMES: u64 = 834;
const SIZE: u64 = 1_288_895 * TIMES;

/// What neither `run` nor the agent may exceed, however much passes them.
const PEAK_KB: u64 = 32 * 1024;

/// A writer that so many looks find where it was counts as stopped.
const LOOKS: u32 = 50;

/// Says it all, and the agent's peak; then waits until `run` is told to end it. Unlike busybox's `cat`
/// its `tail` writes what the kernel counts, and not by `sendfile`.
const SCRIPT: &str = r#"
trap 'exit 0' TERM
$PIECE >$BULK
set -- $(printf "$BULK %.0s" $(seq $TIMES))
echo begin
tail -q -c +1 "$@"
awk '/^VmHWM/ { print "agent", $2 }' /proc/1/status
echo whole
sleep 4711 & wait
"#;

/// Stands between `run` and gitlab-runner, for the bulk only: stops reading after a tenth of it, until
/// a file appears, and passes on its checksum in place of it; what follows the bulk is passed on.
const READER: &str = r#"
case "${!#}" in build_script) ;; *) exec "$@" ;; esac
"$@" | {
    sed -u '/^begin$/q'
    {
        head -c $((SIZE / 10))
        echo paused >&2
        until [ -e "$GO" ]; do sleep 0.1; done
        head -c $((SIZE - SIZE / 10))
    } | echo "read $(md5sum)"
    cat
}
"#;

fn peak(process: &Process) -> u64 {
    process.status().ok().and_then(|status| status.vmhwm).unwrap_or(u64::MAX)
}

/// The processes that were started with these words.
fn processes(words: &[&str]) -> Vec<Process> {
    let all = all_processes().into_iter().flatten().filter_map(std::result::Result::ok);
    let ends = |process: &Process| {
        process
            .cmdline()
            .is_ok_and(|line| words.iter().all(|word| line.iter().any(|it| it == word)))
    };
    all.filter(ends).collect()
}

/// Waits until whoever writes the bulk writes no more, though there is more to say.
async fn writer_waits(bulk: &str) -> Result<()> {
    let last = Cell::new((0, 0));
    until("the script to wait for its reader", Duration::from_mins(1), async || {
        let writer = processes(&["tail", bulk]).pop();
        let written = writer.and_then(|writer| writer.io().ok()).map_or(0, |io| io.wchar);
        let (before, looks) = last.get();
        last.set((written, if written == before { looks + 1 } else { 0 }));
        match last.get() {
            (written, LOOKS..) if (1..SIZE).contains(&written) => Seen::Ready(()),
            (written, looks) => Seen::NotYet(format!("{written} bytes, {looks} times")),
        }
    })
    .await
}

#[tokio::test]
async fn a_gibibyte_is_passed_on_in_little_memory_also_to_a_reader_who_stops_for_a_while()
-> Result<()> {
    let scenario = Scenario::new()?;
    let engine = Engine::of_the_cluster(&scenario, "")?;
    let room = TempDir::new().map_err(|error| Failure::system("no room").caused_by(error))?;
    let go = room.path().join("go");
    let head = format!("SIZE={SIZE} GO={}", go.display());
    let reader = ["-c", &format!("{head}\n{READER}"), "reader"].map(str::to_owned);
    let run = [program("swarm-executor-run").display().to_string(), "--settings".to_owned()];
    let settings = [engine.settings().display().to_string()];
    let mut runner = engine.runner(Protocol::V19);
    runner.run = Exec::new("/bin/bash").args([&reader[..], &run, &settings].concat());
    let job = scenario.plain("bulk", HELPER);
    let bulk = format!("bulk-{}", job.id);
    let script = SCRIPT.replace("$PIECE", PIECE);
    let job = job.script([&format!("BULK={bulk} TIMES={TIMES}"), &script]);

    let (stopped, mut has_stopped) = mpsc::unbounded_channel();
    let mut pause = at(Moment::Said("paused\n"), |_| stopped.send(()).unwrap_or_default());
    let run = &run[0];
    let peak_of_run = AtomicU64::default();
    let mut end = at(Moment::Said("\nwhole\n"), |stage: &Stage| {
        let script = stage.script.as_ref().map(|path| path.display().to_string());
        for process in processes(&[run, &script.unwrap_or_default()]) {
            if process.cmdline().is_ok_and(|line| line.first() == Some(run)) {
                peak_of_run.store(peak(&process), Ordering::Relaxed);
                kill(Pid::from_raw(process.pid), Signal::SIGTERM).unwrap();
            }
        }
    });
    let watch = |event: play::Event| {
        pause(event.clone());
        end(event);
    };
    let released = async {
        let _ = has_stopped.recv().await;
        let waited = writer_waits(&bulk).await;
        std::fs::write(&go, "").unwrap();
        waited
    };
    let cancel = Cancel::default();
    let (outcome, released) = tokio::join!(runner.play(&job, &cancel, watch), released);
    released?;
    let log = outcome.log_text();
    assert!(outcome.is_success(), "{log}");
    let told = |word| log.lines().find_map(|line| line.strip_prefix(word)).unwrap_or_default();
    let whole = format!("for i in $(seq {TIMES}); do {PIECE}; done | md5sum");
    let expected = Command::new("sh").args(["-c", &whole]).output();
    let expected = String::from_utf8_lossy(&expected.unwrap().stdout).trim().to_owned();
    assert_eq!(told("read "), expected, "{log}");
    let peaks = [told("agent ").parse().unwrap_or(u64::MAX), peak_of_run.load(Ordering::Relaxed)];
    println!("peaks of agent and run: {peaks:?} KiB");
    assert!(peaks.iter().all(|peak| (1..PEAK_KB).contains(peak)), "agent and run: {peaks:?} KiB");
    assert_eq!(left_by(&job), Left::default());
    assert_eq!(engine.left_by(&job).await?, [""; 0]);
    Ok(())
}

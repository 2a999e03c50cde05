//! Every way in which a script's processes come to their end.

use crate::flight::{AT_ONCE, one_flight};
use crate::place::{MARK, NO_GRACE, Place, agent, agent_of, marked, until, until_ready};
use agent::processes::end_marked;
use agent::{Exit, Session, Start, host};
use rustix::process::{Signal, kill_process};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

/// Daemons in sessions of their own, one of them deaf to SIGTERM, whose parents are gone.
const STUBBORN: &str = "
    (setsid bash -c 'setsid sleep 1000 & sleep 1000' &)
    (setsid bash -c \"trap '' TERM; sleep 1000; sleep 1000\" &)
    (trap '' TERM; exec sleep 1000) &
";

#[tokio::test]
async fn a_stop_ends_the_whole_tree_whatever_it_does_about_sigterm() {
    let place = Place::new();
    let mut running = place.run(&format!("{STUBBORN} echo ready; sleep 1000")).await;
    until_ready(&mut running).await;
    until("all processes run", || place.processes(), |all| all.len() >= 7).await;
    running.stopper().stop(Duration::from_millis(300));
    assert_eq!(running.exited().await.unwrap(), Exit::Signal(15));
    assert_eq!(place.processes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_stopped_script_may_clean_up_and_say_so() {
    let script = "trap 'echo cleaned; exit 7' TERM; echo ready; while :; do sleep 0.05; done";
    let place = Place::new();
    let mut running = place.run(script).await;
    until_ready(&mut running).await;
    running.stopper().stop(Duration::from_secs(20));
    let mut log = String::new();
    running.output.read_to_string(&mut log).await.unwrap();
    assert!(log.ends_with("cleaned\n"), "{log}");
    assert_eq!(running.exited().await.unwrap(), Exit::Code(7));
}

#[tokio::test]
async fn a_second_stop_without_grace_kills_at_once() {
    let place = Place::new();
    let mut running = place.run("trap '' TERM; echo ready; while :; do sleep 1; done").await;
    until_ready(&mut running).await;
    running.stopper().stop(Duration::from_hours(1));
    running.stopper().stop(NO_GRACE);
    assert_eq!(running.exited().await.unwrap(), Exit::Signal(9));
}

#[tokio::test]
async fn a_fork_bomb_is_killed_to_the_last_process() {
    let place = Place::new();
    let bomb = "trap '' TERM; breed() { sleep 0.01; breed & }; for i in {1..20}; do breed & done";
    let mut running = place.run(&format!("{bomb}; echo ready; sleep 1000")).await;
    until_ready(&mut running).await;
    running.stopper().stop(NO_GRACE);
    assert_eq!(running.exited().await.unwrap(), Exit::Signal(9));
    assert_eq!(place.processes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_background_process_does_not_outlive_its_shell() {
    let place = Place::new();
    let began = Instant::now();
    let (log, exit) = place.log(&format!("{STUBBORN} echo done; exit 5")).await;
    assert_eq!((log.as_slice(), exit), (&b"done\n"[..], Exit::Code(5)));
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(place.processes(), Vec::<String>::new());
}

#[tokio::test]
async fn what_a_background_process_says_in_time_is_in_the_log() {
    let (log, exit) = Place::new().log("(sleep 0.1; echo late) & echo early").await;
    assert_eq!((log.as_slice(), exit), (&b"early\nlate\n"[..], Exit::Code(0)));
}

#[tokio::test]
async fn a_session_that_is_dropped_leaves_nothing() {
    let place = Place::new();
    let (running, connections) =
        place.offer_socket(&format!("{STUBBORN} echo ready; sleep 1000")).await;
    drop((running, connections));
    place.until_no_process_is_left().await;
    until("the socket is gone", || place.socket().exists(), |exists| !exists).await;
}

#[tokio::test]
async fn a_session_without_a_start_leaves_nothing() {
    let (session, _) = Session::open(host::spawn(agent(), None).unwrap());
    drop(session);
    until("the agent is gone", children, String::is_empty).await;
}

/// This process's children: the agents that are not reaped yet.
fn children() -> String {
    let own = std::process::id();
    let tasks = std::fs::read_dir(format!("/proc/{own}/task")).unwrap().flatten();
    let children = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("children"));
    tasks.filter_map(|task| children(task).ok()).collect()
}

#[tokio::test]
async fn sigterm_to_the_agent_is_a_stop() {
    let place = Place::new();
    let mut running = place.run("echo ready; sleep 1000").await;
    until_ready(&mut running).await;
    kill_process(agent_of(&running), Signal::TERM).unwrap();
    assert_eq!(running.exited().await.unwrap(), Exit::Signal(15));
}

#[tokio::test]
async fn an_agent_that_is_killed_is_an_error_and_not_an_exit() {
    let place = Place::new();
    let mut running = place.run("echo ready; sleep 1000").await;
    until_ready(&mut running).await;
    kill_process(agent_of(&running), Signal::KILL).unwrap();
    let error = running.exited().await.unwrap_err();
    assert!(error.to_string().contains("went away"), "{error}");
    end_marked(MARK.as_ref(), place.mark().as_ref(), NO_GRACE).await.unwrap();
}

#[tokio::test]
async fn an_agent_ends_itself_and_is_reaped_without_another_word_from_run() {
    let place = Place::new();
    let sign = place.path().join("sign");
    let (session, _) = Session::open(one_flight(host::spawn(agent(), None).unwrap(), sign));
    let running = session.start(place.start(), b"touch sign; exit 6").await.unwrap();
    let shell = std::path::PathBuf::from(format!("/proc/{}", running.pid()));
    let exit = timeout(AT_ONCE, running.exited()).await.expect("it says good-bye by itself");
    assert_eq!((exit.unwrap(), shell.exists()), (Exit::Code(6), false));
    assert_eq!(children(), "");
}

/// The near side of the next test: holds a session, never reads its output, and gets killed.
#[tokio::test]
#[ignore = "started by another test, as a process of its own"]
async fn near_side_to_be_killed() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let (session, _) = Session::open(host::spawn(agent(), None).unwrap());
    let environment =
        vec![("PATH".into(), "/usr/bin:/bin".into()), (MARK.into(), line.trim().into())];
    let command = vec!["bash".into()];
    let start = Start { command, environment, directory: "/".into(), ..Start::default() };
    let script = format!("{STUBBORN} yes & yes");
    let _running = session.start(start, script.as_bytes()).await.unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_run_that_is_killed_leaves_nothing_even_with_output_nobody_reads() {
    let place = Place::new();
    let mut near = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "ending::near_side_to_be_killed"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = near.stdin.take().unwrap();
    std::io::Write::write_all(&mut line, format!("{}\n", place.mark()).as_bytes()).unwrap();
    until("all processes run", || marked(&place.mark()), |all| all.len() >= 8).await;
    near.kill().unwrap();
    near.wait().unwrap();
    place.until_no_process_is_left().await;
}

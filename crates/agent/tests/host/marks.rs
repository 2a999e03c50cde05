//! Processes found by a variable of their environment.

use crate::place::{MARK, NO_GRACE, Place, until};
use agent::processes::end_marked;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

fn spawn(place: &Place, script: &str) -> Child {
    Command::new("setsid").args(["bash", "-c", script]).env(MARK, place.mark()).spawn().unwrap()
}

async fn end(place: &Place, grace: Duration) -> usize {
    end_marked(MARK.as_ref(), place.mark().as_ref(), grace).await.unwrap()
}

#[tokio::test]
async fn marked_processes_are_ended_and_counted_and_others_left_alone() {
    let (place, other) = (Place::new(), Place::new());
    let mut polite = spawn(&place, "sleep 1000 & wait");
    let mut deaf = spawn(&place, "trap '' TERM; while :; do sleep 0.2; done");
    let mut foreign = spawn(&other, "sleep 1000 & wait");
    until("all run", || place.processes(), |all| all.len() >= 4).await;
    until("the other runs", || other.processes(), |all| all.len() == 2).await;
    assert!(end(&place, Duration::from_millis(300)).await >= 4);
    assert_eq!(place.processes(), Vec::<String>::new());
    assert_eq!(polite.wait().unwrap().signal(), Some(15));
    assert_eq!(deaf.wait().unwrap().signal(), Some(9));
    assert_eq!(foreign.try_wait().unwrap(), None);
    assert_eq!(end(&other, NO_GRACE).await, 2);
    foreign.wait().unwrap();
}

#[tokio::test]
async fn no_marked_process_is_no_error() {
    assert_eq!(end(&Place::new(), NO_GRACE).await, 0);
}

#[tokio::test]
async fn an_agents_mark_is_its_argument_and_whoever_only_looks_for_it_is_left_alone() {
    let place = Place::new();
    let mark = format!("{MARK}={}", place.mark());
    let mut agent = Command::new(env!("CARGO_BIN_EXE_swarm-executor-agent"))
        .arg(&mark)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut bystander =
        Command::new("bash").args(["-c", "kill -STOP $$", &mark]).env_clear().spawn().unwrap();
    assert_eq!(end(&place, NO_GRACE).await, 1);
    assert_eq!(agent.wait().unwrap().signal(), Some(9));
    assert!(bystander.try_wait().unwrap().is_none());
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

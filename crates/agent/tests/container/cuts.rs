//! Cuts in every phase of a script's life.

use crate::engine::{Container, TERMS, Weather, finish, start, until, until_ready};
use agent::link::{Terms, Way};
use agent::{Exit, Session};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::sleep;

const LINES: usize = 200_000;

/// What `seq` prints.
fn numbered(lines: usize) -> String {
    let numbers: Vec<_> = (1..=lines).map(|number| number.to_string()).collect();
    numbers.join("\n") + "\n"
}

#[tokio::test]
async fn a_cut_after_any_byte_from_the_greeting_to_the_exit_changes_nothing() {
    let mut bridged = 0;
    for limit in (0..900).step_by(17) {
        let container = Container::start();
        container.cut_next_after(limit);
        let (log, exit) = container.log("seq 100; exit 9").await;
        assert_eq!((log, exit), (numbered(100), Exit::Code(9)), "cut after {limit} bytes");
        bridged += usize::from(container.ways().contains(&Way::Bridge));
    }
    assert!(bridged > 30, "{bridged} sessions were cut");
}

#[tokio::test]
async fn a_log_is_whole_over_cuts_and_black_holes_in_its_middle() {
    let container = Container::start();
    let mut running = container.run(&format!("seq {LINES}; exit 5")).await;
    let mut log = Vec::new();
    for weather in [Weather::Cut, Weather::Hole, Weather::Cut, Weather::Hole] {
        let more = log.len() + 100_000;
        while log.len() < more {
            running.output.read_buf(&mut log).await.unwrap();
        }
        container.weather(weather).await;
        sleep(TERMS.silence * 2).await;
        container.weather(Weather::Fair).await;
    }
    running.output.read_to_end(&mut log).await.unwrap();
    assert!(log == numbered(LINES).as_bytes(), "{} bytes", log.len());
    assert_eq!(running.exited().await.unwrap(), Exit::Code(5));
}

#[tokio::test]
async fn a_script_that_ends_while_it_is_out_of_reach_has_its_exit_and_its_log_told() {
    let container = Container::start();
    let mut running = container.run("echo ready; sleep 0.3; echo unseen; exit 6").await;
    until_ready(&mut running).await;
    container.weather(Weather::Hole).await;
    sleep(Duration::from_secs(2)).await;
    container.weather(Weather::Fair).await;
    assert_eq!(finish(running).await, ("unseen\n".to_owned(), Exit::Code(6)));
}

#[tokio::test]
async fn a_greeting_may_take_longer_than_a_cut() {
    let container = Container::start();
    container.cut_next_after(200);
    let link = container.link(TERMS);
    let (session, _) = Session::over(link);
    let starting = tokio::spawn(session.start(start(), b"echo at last"));
    until("a carrier", || container.ways(), |ways| !ways.is_empty()).await;
    container.weather(Weather::Cut).await;
    sleep(Duration::from_secs(11)).await;
    container.weather(Weather::Fair).await;
    let running = starting.await.unwrap().unwrap();
    assert_eq!(finish(running).await.0, "at last\n");
}

#[tokio::test]
async fn after_a_cut_nothing_is_ever_written_to_the_dead_stdout() {
    let container = Container::start();
    let mut running = container.run("echo ready; while :; do echo more; sleep 0.01; done").await;
    until_ready(&mut running).await;
    container.weather(Weather::Hole).await;
    sleep(TERMS.silence * 2).await;
    let written = container.written_to_stdout();
    container.weather(Weather::Fair).await;
    let mut buffer = vec![0; 500];
    running.output.read_exact(&mut buffer).await.unwrap();
    running.stopper().stop(Duration::ZERO);
    assert_eq!(running.exited().await.unwrap(), Exit::Signal(9));
    assert_eq!(container.log("seq 1000").await.1, Exit::Code(0));
    assert_eq!(container.written_to_stdout(), written);
}

#[tokio::test]
async fn a_script_out_of_reach_is_made_to_wait_and_the_agent_stays_small() {
    let container = Container::start();
    let (mut running, _) = container
        .run_with(Terms::default(), start(), "echo ready; head -c 300M /dev/zero; exit 7")
        .await;
    until_ready(&mut running).await;
    container.weather(Weather::Cut).await;
    let memory = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", container.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap()
    };
    let mut before = 0;
    // It fills what there is to fill, and then no more.
    while memory() > before {
        before = memory();
        sleep(Duration::from_millis(300)).await;
    }
    container.weather(Weather::Fair).await;
    let mut total = 0;
    let mut buffer = vec![0; 1 << 20];
    while let size @ 1.. = running.output.read(&mut buffer).await.unwrap() {
        total += size;
    }
    assert_eq!(total, 300 << 20);
    assert_eq!(running.exited().await.unwrap(), Exit::Code(7));
    assert!(memory() < 32 << 10, "the agent's memory peaked at {} KiB", memory());
}

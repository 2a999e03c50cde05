//! One session after the other, in order and not.

use crate::engine::{Container, TERMS, Weather, finish, processes, start, until, until_ready};
use agent::link::{Denied, Key, Terms, Way};
use agent::{AgentError, Exit, Session};
use std::process::Command;
use std::time::Duration;

#[tokio::test]
async fn one_session_follows_the_other_over_attaches() {
    let container = Container::start();
    for number in 0..10 {
        let (log, exit) = container.log(&format!("echo $FROM_IMAGE {number}; exit {number}")).await;
        assert_eq!((log, exit), (format!("yes {number}\n"), Exit::Code(number)));
    }
    assert_eq!(container.ways(), [Way::Attach; 10]);
}

#[tokio::test]
async fn process_one_reaps_all_and_outlives_every_session() {
    let container = Container::isolated();
    for _ in 0..3 {
        let (log, exit) = container.log("(setsid sh -c 'sleep 1000 &' &); echo $PPID").await;
        assert_eq!((log.as_str(), exit), ("1\n", Exit::Code(0)));
    }
    // Orphans of a process that somebody else sent in, as a health check's.
    let pid = first_process(&container).await;
    let enter = ["-t", &pid, "-p", "-m", "sh", "-c", "for i in 1 2 3; do sleep 0.1 & done"];
    assert!(Command::new("nsenter").args(enter).status().unwrap().success());
    let children = || {
        let path = format!("/proc/{pid}/task/{pid}/children");
        std::fs::read_to_string(path).unwrap()
    };
    until("all are reaped", children, String::is_empty).await;
    assert_eq!(container.log("echo still there").await.0, "still there\n");
}

/// The agent's process id outside of its namespace: the child of `unshare`.
async fn first_process(container: &Container) -> String {
    let parent = container.pid();
    let children = || {
        let path = format!("/proc/{parent}/task/{parent}/children");
        std::fs::read_to_string(path).unwrap().trim().to_owned()
    };
    until("the agent runs", children, |child| !child.is_empty()).await
}

#[tokio::test]
async fn a_sigterm_between_sessions_ends_the_agent_at_once() {
    let container = Container::isolated();
    assert_eq!(container.log("echo hello").await.0, "hello\n");
    let pid = first_process(&container).await;
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let exists = || std::path::Path::new(&format!("/proc/{pid}")).exists();
    until("the agent is gone", exists, |exists| !exists).await;
}

#[tokio::test]
async fn a_sigterm_in_a_session_is_a_stop_whose_outcome_is_told() {
    let container = Container::isolated();
    let script = "trap 'echo stopped; exit 8' TERM; echo ready; while :; do sleep 0.05; done";
    let mut running = container.run(script).await;
    until_ready(&mut running).await;
    let pid = first_process(&container).await;
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let (log, exit) = finish(running).await;
    assert!(log.ends_with("stopped\n"), "{log}");
    assert_eq!(exit, Exit::Code(8));
    let exists = || std::path::Path::new(&format!("/proc/{pid}")).exists();
    until("the agent is gone", exists, |exists| !exists).await;
}

#[tokio::test]
async fn a_new_run_takes_over_from_one_that_was_killed() {
    let container = Container::start();
    let script = "trap 'echo the former' TERM; echo ready; while :; do echo old; sleep 31.41; done";
    let mut old = container.run(script).await;
    until_ready(&mut old).await;
    // Nothing that the old one still wants to say gets out.
    container.weather(Weather::Hole).await;
    container.weather(Weather::Fair).await;
    let (log, exit) = container.log("echo new; exit 3").await;
    assert_eq!((log.as_str(), exit), ("new\n", Exit::Code(3)));
    assert_eq!(processes("sleep 31.41"), Vec::<String>::new());
    // The attach was not answered: its stdout may have had a reader that has stopped reading.
    assert_eq!(container.ways()[..3], [Way::Attach, Way::Attach, Way::Bridge]);
    let error = old.exited().await.unwrap_err();
    assert!(matches!(error, AgentError::Denied(Denied::Ended)), "{error}");
}

#[tokio::test]
async fn a_run_that_was_killed_in_the_middle_of_anything_is_taken_over_from() {
    for limit in (0..700).step_by(23) {
        let container = Container::start();
        container.cut_next_after(limit);
        let terms = Terms { patience: Duration::ZERO, ..TERMS };
        // Whatever it got done, it can't come back.
        let (session, _) = Session::over(container.link(terms));
        let _ = session.start(start(), b"echo old; sleep 31.42").await;
        let (log, exit) = container.log("echo new").await;
        assert_eq!((log.as_str(), exit), ("new\n", Exit::Code(0)), "after {limit} bytes");
        assert_eq!(processes("sleep 31.42"), Vec::<String>::new());
    }
}

#[tokio::test]
async fn who_has_not_the_places_key_is_turned_away() {
    let container = Container::start();
    let mut running = container.run("echo ready; sleep 0.5; exit 4").await;
    until_ready(&mut running).await;
    for way in [Way::Bridge, Way::Attach] {
        let terms = Terms { patience: Duration::from_secs(1), ..TERMS };
        let stranger = container.link_with(Key::random().unwrap(), terms, way);
        let (session, _) = Session::over(stranger);
        let error = session.start(start(), b"echo never").await.err().unwrap();
        let expected = match way {
            Way::Bridge => matches!(error, AgentError::Denied(Denied::Key)),
            Way::Attach => true,
        };
        assert!(expected, "{error}");
    }
    assert_eq!(running.exited().await.unwrap(), Exit::Code(4));
}

#[tokio::test]
async fn a_session_given_up_is_ended_and_the_agent_is_ready_for_the_next() {
    let container = Container::start();
    let terms = Terms { patience: Duration::from_secs(1), ..TERMS };
    let (mut running, _) = container.run_with(terms, start(), "echo ready; sleep 31.43").await;
    until_ready(&mut running).await;
    container.weather(Weather::Cut).await;
    let error = running.exited().await.unwrap_err();
    assert!(matches!(error, AgentError::OutOfReach { .. }), "{error}");
    until("the script is ended", || processes("sleep 31.43"), Vec::is_empty).await;
    container.weather(Weather::Fair).await;
    assert_eq!(finish(container.run("echo next").await).await.0, "next\n");
}

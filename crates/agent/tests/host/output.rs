//! What goes in as a script and what comes out as its log and its end.

use crate::place::{Place, agent};
use agent::{Exit, Session, Start, host};
use std::io::Read;
use tokio::io::AsyncReadExt;

const MIB: usize = 1 << 20;

fn text(log: Vec<u8>) -> String {
    String::from_utf8(log).unwrap()
}

#[tokio::test]
async fn output_arrives_byte_for_byte() {
    let place = Place::new();
    let mut random = vec![0; 50 * MIB];
    std::fs::File::open("/dev/urandom").unwrap().read_exact(&mut random).unwrap();
    std::fs::write(place.path().join("random"), &random).unwrap();
    let (log, exit) = place.log("cat random").await;
    assert_eq!(exit, Exit::Code(0));
    assert!(log == random, "{} bytes came, other than those sent", log.len());
}

#[tokio::test]
async fn stdout_and_stderr_keep_their_order() {
    let script = "for i in {1..2000}; do echo out $i; echo err $i >&2; done";
    let (log, _) = Place::new().log(script).await;
    let wanted: Vec<_> =
        (1..=2000).flat_map(|i| [format!("out {i}"), format!("err {i}")]).collect();
    assert_eq!(text(log).lines().collect::<Vec<_>>(), wanted);
}

#[tokio::test]
async fn the_exit_code_is_the_shells() {
    for code in [0, 1, 3, 255] {
        let (_, exit) = Place::new().log(&format!("exit {code}")).await;
        assert_eq!(exit, Exit::Code(code));
    }
}

#[tokio::test]
async fn a_shell_killed_by_a_signal_says_by_which() {
    let (_, exit) = Place::new().log("kill -KILL $$").await;
    assert_eq!(exit, Exit::Signal(9));
}

#[tokio::test]
async fn a_script_of_several_mebibytes_runs_to_its_end() {
    let mut script = "# a line that does nothing at all\n".repeat(5 * MIB / 34);
    script.push_str("echo the end; exit 4\n");
    let (log, exit) = Place::new().log(&script).await;
    assert_eq!((text(log).as_str(), exit), ("the end\n", Exit::Code(4)));
}

#[tokio::test]
async fn an_empty_script_succeeds() {
    assert_eq!(Place::new().log("").await, (vec![], Exit::Code(0)));
}

#[tokio::test]
async fn the_script_is_on_no_command_line() {
    let script = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; : only$((1))here";
    let (log, _) = Place::new().log(script).await;
    let log = String::from_utf8_lossy(&log);
    assert!(log.contains("swarm-executor-agent"), "{log}");
    assert!(!log.contains("only$"), "{log}");
}

#[tokio::test]
async fn the_environment_is_what_was_given_and_nothing_else() {
    let place = Place::new();
    let (session, _) = Session::open(host::spawn(agent(), None).unwrap());
    let environment = vec![("A".into(), "1".into()), ("B".into(), "two\nlines".into())];
    let start = Start { command: vec!["/usr/bin/env".into()], environment, ..place.start() };
    let mut running = session.start(start, b"").await.unwrap();
    let mut log = String::new();
    running.output.read_to_string(&mut log).await.unwrap();
    assert_eq!(log, "A=1\nB=two\nlines\n");
}

#[tokio::test]
async fn the_shell_has_a_session_of_its_own_and_no_descriptor_of_the_agents() {
    let script = "cut -d' ' -f6 /proc/$$/stat; echo $$; readlink /proc/$$/fd/{0,1,2}
        ls -l /proc/$$/fd | grep -e socket -e anon_inode";
    let (log, _) = Place::new().log(script).await;
    let log = text(log);
    let [session, pid, stdin, stdout, stderr] = log.lines().collect::<Vec<_>>()[..] else {
        panic!("{log}");
    };
    assert_eq!((session, stdin), (pid, "/memfd:script (deleted)"));
    assert!(stdout.starts_with("pipe:"), "{log}");
    assert_eq!(stdout, stderr);
}

#[tokio::test]
async fn much_output_leaves_the_agent_small() {
    let script = "head -c 300M /dev/zero; grep VmHWM /proc/$PPID/status | tr -dc 0-9";
    let place = Place::new();
    let mut running = place.run(script).await;
    let (mut buffer, mut last) = (vec![0; MIB], vec![]);
    loop {
        let size = running.output.read(&mut buffer).await.unwrap();
        if size == 0 {
            break;
        }
        last.extend_from_slice(&buffer[..size]);
        last.drain(..last.len().saturating_sub(20));
    }
    let last = text(last);
    let kib: usize = last.trim_matches('\0').parse().unwrap_or_else(|_| panic!("{last:?}"));
    assert!(kib < 20 << 10, "the agent's memory peaked at {kib} KiB");
}

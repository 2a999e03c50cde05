//! What is refused, and in which words.

use crate::place::{Place, agent};
use agent::{AgentError, Session, Socket, Start, host};
use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;

async fn refusal(start: Start) -> String {
    let (session, _) = Session::open(host::spawn(agent(), None).unwrap());
    match session.start(start, b"echo never").await {
        Err(AgentError::Refused { reason }) => reason,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was not refused"),
    }
}

#[tokio::test]
async fn a_missing_shell_is_named_with_where_it_was_looked_for() {
    let place = Place::new();
    let start = Start { command: vec!["zsh5".into()], ..place.start() };
    assert_eq!(refusal(start).await, "there is no shell `zsh5` on PATH=/usr/bin:/bin");
}

#[tokio::test]
async fn a_missing_directory_is_named() {
    let start = Start { directory: "/no/such/place".into(), ..Place::new().start() };
    let reason = refusal(start).await;
    assert!(
        reason.starts_with("cannot use the working directory /no/such/place: No such file"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_socket_in_a_directory_open_to_others_is_refused() {
    let place = Place::new();
    set_permissions(place.path(), Permissions::from_mode(0o750)).unwrap();
    let reason =
        refusal(Start { sockets: vec![Socket::Private(place.socket())], ..place.start() }).await;
    assert!(reason.contains("others can reach into the directory"), "{reason}");
    assert!(reason.contains("(mode 750)"), "{reason}");
}

#[tokio::test]
async fn a_file_in_a_sockets_place_is_kept_and_refused() {
    let place = Place::new();
    std::fs::write(place.socket(), "precious").unwrap();
    let reason =
        refusal(Start { sockets: vec![Socket::Private(place.socket())], ..place.start() }).await;
    assert!(reason.starts_with("cannot listen on the socket"), "{reason}");
    assert_eq!(std::fs::read(place.socket()).unwrap(), b"precious");
}

#[tokio::test]
async fn a_program_that_is_no_agent_is_quoted() {
    let place = Place::new();
    let stranger = place.path().join("stranger");
    std::fs::write(&stranger, "#!/bin/sh\necho hello there\n").unwrap();
    set_permissions(&stranger, Permissions::from_mode(0o700)).unwrap();
    let (session, _) = Session::open(host::spawn(&stranger, None).unwrap());
    let error = session.start(place.start(), b"echo never").await.err().unwrap();
    assert!(error.to_string().contains(r"got `hello there\n`"), "{error}");
}

#[tokio::test]
async fn an_agent_that_is_not_installed_is_named() {
    let error = host::spawn("/no/such/agent".as_ref(), None).err().unwrap();
    assert_eq!(error.to_string(), "cannot start the agent /no/such/agent");
}

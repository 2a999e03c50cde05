//! What a script in a container is given.

use crate::engine::{Container, TERMS, finish, start, until_ready};
use agent::{DockerConnections, Exit, PrivateFile, Socket, Start};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

#[tokio::test]
async fn the_images_environment_lies_under_the_one_given() {
    let environment = vec![("GIVEN".into(), "too".into()), ("PATH".into(), "/bin:/usr/bin".into())];
    let given = Start { environment, ..start() };
    let container = Container::start();
    let (running, _) = container.run_with(TERMS, given, "echo $FROM_IMAGE $GIVEN $PATH").await;
    assert_eq!(finish(running).await.0, "yes too /bin:/usr/bin\n");
}

#[tokio::test]
async fn an_entrypoint_comes_before_the_shell() {
    let command = vec!["env".into(), "BY_ENTRYPOINT=set".into()];
    let entered = Start { command, ..start() };
    let container = Container::start();
    let (running, _) =
        container.run_with(TERMS, entered, "echo $BY_ENTRYPOINT ${BASH_VERSION:+bash}").await;
    assert_eq!(finish(running).await.0, "set bash\n");
}

#[tokio::test]
async fn files_are_there_before_the_script_for_its_user_only_and_anew_each_time() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("certs/client/key.pem");
    let container = Container::start();
    for contents in ["first", "second"] {
        let file = PrivateFile { path: path.clone(), contents: contents.into() };
        let given = Start { files: vec![file], ..start() };
        let script = format!("cat {}", path.display());
        let (running, _) = container.run_with(TERMS, given, &script).await;
        assert_eq!(finish(running).await.0, contents);
    }
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
}

#[tokio::test]
async fn the_umask_is_the_one_given_or_the_agents_own() {
    let container = Container::start();
    let own = container.log("umask").await.0;
    for umask in [0o000, 0o027] {
        let masked = Start { umask: Some(umask), ..start() };
        let (running, _) = container.run_with(TERMS, masked, "umask").await;
        assert_eq!(finish(running).await.0, format!("{umask:04o}\n"));
    }
    assert_eq!(container.log("umask").await.0, own);
}

#[tokio::test]
async fn the_directory_of_a_shared_socket_is_made_where_a_link_wants_it() {
    let place = tempfile::tempdir().unwrap();
    let (link, run) = (place.path().join("var/run"), place.path().join("run"));
    std::fs::create_dir(place.path().join("var")).unwrap();
    std::os::unix::fs::symlink("../run", &link).unwrap();
    let sockets = vec![Socket::Shared(link.join("inner/docker.sock"))];
    let offered = Start { sockets, ..start() };
    let container = Container::start();
    let script = format!("test -S {}", run.join("inner/docker.sock").display());
    let (running, _) = container.run_with(TERMS, offered, &script).await;
    assert_eq!(running.exited().await.unwrap(), Exit::Code(0));
    let mode = std::fs::metadata(run.join("inner")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o755);
}

#[tokio::test]
async fn docker_clients_come_by_a_shared_socket_and_by_tcp() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("docker.sock");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let sockets = vec![Socket::Shared(path.clone()), Socket::Tcp(port)];
    let container = Container::start();
    for _ in 0..2 {
        let offered = Start { sockets: sockets.clone(), ..start() };
        let (mut running, mut connections) =
            container.run_with(TERMS, offered, "echo ready; sleep 1000").await;
        until_ready(&mut running).await;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o666);
        ask(UnixStream::connect(&path).await.unwrap(), &mut connections, 0).await;
        ask(TcpStream::connect(port).await.unwrap(), &mut connections, 1).await;
        running.stopper().stop(std::time::Duration::ZERO);
        running.exited().await.unwrap();
        assert!(!path.exists());
    }
}

/// A client that ends its question before it is answered.
async fn ask<C>(mut client: C, connections: &mut DockerConnections, socket: usize)
where
    C: AsyncRead + AsyncWrite + Unpin,
{
    client.write_all(b"question").await.unwrap();
    client.shutdown().await.unwrap();
    let mut server = connections.accept().await.unwrap();
    assert_eq!(server.socket(), socket);
    let mut question = String::new();
    server.read_to_string(&mut question).await.unwrap();
    assert_eq!(question, "question");
    server.write_all(b"answer").await.unwrap();
    server.shutdown().await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "answer");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let container = Container::start();
    let (session, _) = agent::Session::over(container.link(TERMS));
    let refused = Start { sockets: vec![Socket::Tcp(address)], ..start() };
    let error = session.start(refused, b"").await.err().unwrap().to_string();
    assert!(error.starts_with(&format!("cannot listen on {address}: Address")), "{error}");
}

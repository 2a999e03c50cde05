//! Where a job's script runs: a machine of its own as far as the engine can tell, whose docker
//! connections end at a gateway.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use docker::endpoint::Source;
use docker::{Credentials, Endpoint, Identity, LocalTls, Part, Transport};
use futures::{Stream, StreamExt, stream};
use gateway::Gateway;
use gateway::policy::{OwnFiles, Permit};
use job::ExposeSecret;
use job::settings::VariableNames;
use tempfile::TempDir;
use testkit::images::{self, Archive};
use testkit::nodes::{Swarm, SwarmOptions};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::task::JoinSet;

/// One manager and nothing else.
const SMALLEST: SwarmOptions =
    SwarmOptions { managers: 1, workers: 0, lone_engines: 0, newest_engines: 0 };

pub(crate) struct Place {
    /// On which the job's docker can get to the gateway.
    pub(crate) ways: Vec<Way>,
    directory: TempDir,
    swarm: Swarm,
    serving: JoinSet<()>,
}

/// What leads a docker CLI to the gateway.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pub(crate) host: String,
    /// Whether it is led by TLS.
    pub(crate) secure: bool,
}

impl Place {
    pub(crate) async fn open() -> Self {
        let swarm = Swarm::start(SMALLEST).await.unwrap();
        swarm.load(&Archive::pack(&images::whoami().await.unwrap()).unwrap()).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let gateway = Gateway::new(transport(&swarm), OwnFiles::new([directory.path()], Permit));
        let mut place = Self { ways: vec![], directory, swarm, serving: JoinSet::new() };
        place.listen_at_socket(gateway.clone());
        place.listen_without_tls(gateway.clone()).await;
        place.listen_with_tls(gateway).await;
        place
    }

    /// The script's working directory.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// `DOCKER_CERT_PATH` for TLS.
    pub(crate) fn certificates(&self) -> PathBuf {
        self.directory().join("certificates")
    }

    pub(crate) async fn close(self) {
        self.swarm.stop().await.unwrap();
    }

    fn listen_at_socket(&mut self, gateway: Gateway) {
        let path = self.directory().join("docker.sock");
        let socket = UnixListener::bind(&path).unwrap();
        self.led("socket", format!("unix://{}", path.display()), false);
        self.serving.spawn(async move {
            let clients = stream::unfold(socket, async |socket| {
                Some((socket.accept().await.unwrap().0, socket))
            });
            gateway.serve_all(clients).await;
        });
    }

    async fn listen_without_tls(&mut self, gateway: Gateway) {
        let (address, clients) = listen().await;
        self.led("plain", format!("tcp://{address}"), false);
        self.serving.spawn(async move { gateway.serve_all(clients).await });
    }

    async fn listen_with_tls(&mut self, gateway: Gateway) {
        let tls = LocalTls::mint(["dind"], SystemTime::now()).unwrap();
        fs::create_dir(self.certificates()).unwrap();
        for part in Part::ALL {
            let text = tls.text(part);
            let path = self.certificates().join(part.file_name());
            fs::write(path, text.expose_secret()).unwrap();
        }
        let (address, clients) = listen().await;
        self.led("tls", format!("tcp://localhost:{}", address.port()), true);
        self.serving.spawn(async move {
            let accepted = clients.map(|client| tls.accept(client)).buffer_unordered(8);
            gateway.serve_all(accepted.filter_map(async |accepted| accepted.ok())).await;
        });
    }

    fn led(&mut self, name: &'static str, host: String, secure: bool) {
        self.ways.push(Way { name, host, secure });
    }
}

/// A port of this machine, and who connects to it.
async fn listen() -> (SocketAddr, impl Stream<Item = TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let clients = stream::unfold(listener, async |listener| {
        Some((listener.accept().await.unwrap().0, listener))
    });
    (address, clients)
}

/// The way to the swarm's manager, as another client of it than the job's.
fn transport(swarm: &Swarm) -> Transport {
    let client = swarm.client().unwrap();
    let names = VariableNames::default();
    let credentials = Credentials::from_variables(&names, |name| match name {
        name if name == names.ca => Some(&client.ca),
        name if name == names.certificate => Some(&client.cert),
        name if name == names.key => Some(&client.key),
        _ => None,
    });
    let checked = Identity::check(&credentials.unwrap(), SystemTime::now(), Duration::ZERO);
    let source = Source::Setting("the test".into());
    let endpoint = Endpoint::parse(&swarm.manager().endpoint(), source).unwrap();
    Transport::new(endpoint, checked.unwrap().identity, Duration::from_secs(10))
}

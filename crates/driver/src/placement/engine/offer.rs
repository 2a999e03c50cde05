//! What the job's `docker` finds in its container: a socket, an address or certificates.
//!
//! Jobs written for docker-in-docker go on unchanged. Where such a job lists a `docker:*-dind`
//! service and has the gateway, no container is started for it: its names lead to the build
//! container itself, where the agent listens on dind's two ports, with dind's certificates in
//! dind's place (<https://docs.gitlab.com/ci/docker/using_docker_build/#use-docker-in-docker>).

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use agent::{PrivateFile, Socket};
use docker::local_tls::LocalTls;
use docker::{Credentials, Part};
use job::settings::DockerAccess;
use job::{ExposeSecret, JobContext, Secret};
use serde::{Deserialize, Serialize};

/// Where `docker` looks when nobody tells it otherwise.
const SOCKET: &str = "/var/run/docker.sock";

/// Where dind listens without TLS, and with it.
const PLAIN_PORT: u16 = 2375;
const TLS_PORT: u16 = 2376;

/// Where the docker images keep dind's certificates unless `DOCKER_TLS_CERTDIR` says otherwise.
const TLS_DIRECTORY: &str = "/certs";

/// A directory in memory, in which `docker_access = "certificates"` puts them.
const SECRETS: &str = "/run/swarm-executor";

/// What the job's `docker` finds in its container.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) enum Offer {
    /// Nothing.
    Nothing,
    /// A socket; and what a job for docker-in-docker expects, if it is one.
    Gateway(Option<DockerInDocker>),
    /// The certificates, and the cluster's address.
    Certificates,
}

/// What a job for docker-in-docker expects.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct DockerInDocker {
    /// The names by which it knows the service.
    names: BTreeSet<String>,
    /// Where it looks for `client/ca.pem` and so on; without it, it doesn't use TLS.
    certificates: Option<PathBuf>,
}

impl DockerInDocker {
    /// Of a job that lists dind services with these names.
    pub(crate) fn new(job: &JobContext, names: impl IntoIterator<Item = String>) -> Self {
        let directory = job.claims.get("DOCKER_TLS_CERTDIR").unwrap_or(TLS_DIRECTORY);
        let usable = |path: &PathBuf| path.is_absolute() && path.parent().is_some();
        let certificates = Some(PathBuf::from(directory)).filter(usable);
        Self { names: names.into_iter().collect(), certificates }
    }
}

impl Offer {
    /// What a profile with this access offers to a job.
    pub(crate) fn new(access: DockerAccess, docker_in_docker: Option<DockerInDocker>) -> Self {
        match access {
            DockerAccess::Gateway => Self::Gateway(docker_in_docker),
            DockerAccess::Certificates => Self::Certificates,
            DockerAccess::None => Self::Nothing,
        }
    }

    /// Names in the container that lead to the container itself, as `name:address`.
    pub(crate) fn hosts(&self) -> Vec<String> {
        let names = self.docker_in_docker().into_iter().flat_map(|dind| &dind.names);
        names.map(|name| format!("{name}:{}", Ipv4Addr::LOCALHOST)).collect()
    }

    /// The directories that have to be in memory, for the container's user to write in. Where the
    /// root directory isn't that user's to write, the socket's directory is one of them.
    pub(crate) fn in_memory(&self, root_is_writable: bool) -> BTreeSet<String> {
        let mut directories = BTreeSet::new();
        match self {
            Self::Nothing => {}
            Self::Gateway(dind) => {
                let socket = (!root_is_writable).then(|| parent(SOCKET));
                let certificates = dind.as_ref().and_then(|dind| dind.certificates.as_deref());
                directories.extend(socket);
                directories.extend(certificates.map(|path| path.to_string_lossy().into_owned()));
            }
            Self::Certificates => drop(directories.insert(SECRETS.to_owned())),
        }
        directories
    }

    /// Where the agent listens for the job's docker clients.
    pub(crate) fn sockets(&self) -> Vec<Socket> {
        let Self::Gateway(dind) = self else { return Vec::new() };
        let local = |port| Socket::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let socket = Socket::Shared(PathBuf::from(SOCKET));
        let ports = dind.iter().flat_map(|dind| {
            let tls = dind.certificates.is_some().then_some(TLS_PORT);
            [PLAIN_PORT].into_iter().chain(tls).map(local)
        });
        [socket].into_iter().chain(ports).collect()
    }

    /// Which of [`sockets`](Self::sockets) expects TLS.
    pub(crate) fn tls_socket(&self) -> Option<usize> {
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, TLS_PORT));
        self.sockets().iter().position(|socket| *socket == Socket::Tcp(local))
    }

    /// The host names that the TLS socket's certificate has to carry.
    pub(crate) fn tls_names(&self) -> impl Iterator<Item = &str> {
        let names = self.docker_in_docker().into_iter().flat_map(|dind| &dind.names);
        names.map(String::as_str)
    }

    /// The client's certificates for the TLS socket, where the job looks for them.
    pub(crate) fn tls_files(&self, tls: &LocalTls) -> Vec<PrivateFile> {
        let directory = self.docker_in_docker().and_then(|dind| dind.certificates.as_deref());
        let directory = directory.map(|path| path.join("client"));
        let file = |directory: &PathBuf, part| file(directory, part, &tls.text(part));
        directory.iter().flat_map(|path| Part::ALL.map(|part| file(path, part))).collect()
    }

    /// The cluster's certificates, for a job that is given them.
    pub(crate) fn certificates(&self, credentials: &Credentials) -> Vec<PrivateFile> {
        match self {
            Self::Certificates => {
                let file = |part| file(&certificates_path(), part, &credentials.text(part));
                Part::ALL.map(file).into()
            }
            Self::Gateway(_) | Self::Nothing => Vec::new(),
        }
    }

    /// The variables that lead `docker` to the cluster at `endpoint`. To a socket it goes unled.
    pub(crate) fn environment(&self, endpoint: &str) -> Vec<(OsString, OsString)> {
        let Self::Certificates = self else { return Vec::new() };
        let path = certificates_path().into_os_string();
        vec![
            ("DOCKER_HOST".into(), endpoint.into()),
            ("DOCKER_TLS_VERIFY".into(), "1".into()),
            ("DOCKER_CERT_PATH".into(), path),
        ]
    }

    /// The way to the cluster, for the job log.
    pub(crate) fn describe(&self, endpoint: &str) -> String {
        match self {
            Self::Nothing => "none".to_owned(),
            Self::Gateway(None) => format!("{SOCKET}, relayed over mutual TLS"),
            Self::Gateway(Some(dind)) => {
                let names = dind.names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
                let tls = if dind.certificates.is_some() { " and 2376 with TLS" } else { "" };
                format!(
                    "{SOCKET}, and in the place of docker-in-docker ports 2375{tls} of {names}, \
                     relayed over mutual TLS"
                )
            }
            Self::Certificates => {
                format!("{endpoint}, with DOCKER_CERT_PATH {}", certificates_path().display())
            }
        }
    }

    /// Whether a job that sets `DOCKER_HOST` so finds its way: to a name of docker-in-docker's, or
    /// without that variable to the socket.
    pub(crate) fn is_meant_by(&self, docker_host: Option<&str>) -> bool {
        let Some(dind) = self.docker_in_docker() else { return false };
        let Some(address) = docker_host else { return true };
        let host = address.split_once("://").map_or(address, |(_, host)| host);
        dind.names.contains(host.split(':').next().unwrap_or_default())
    }

    fn docker_in_docker(&self) -> Option<&DockerInDocker> {
        match self {
            Self::Gateway(dind) => dind.as_ref(),
            Self::Nothing | Self::Certificates => None,
        }
    }
}

fn file(directory: &Path, part: Part, text: &Secret) -> PrivateFile {
    let path = directory.join(part.file_name());
    PrivateFile { path, contents: text.expose_secret().as_bytes().to_vec() }
}

fn certificates_path() -> PathBuf {
    Path::new(SECRETS).join("certificates")
}

fn parent(path: &str) -> String {
    Path::new(path).parent().unwrap_or(Path::new("/")).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;

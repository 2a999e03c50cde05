//! Where an engine answers over the network: `tcp://host:port`, as `DOCKER_HOST` has it.
//!
//! Only mutual TLS over TCP is spoken here, so ssh and plain HTTP are refused with the words that
//! say what to write instead; so are sockets, but for
//! [`EngineAddress`](crate::EngineAddress).

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use http::uri::Authority;
use job::{Blame, Failure, Result};
use rustls::pki_types::ServerName;

/// The port where Docker listens with TLS
/// (<https://docs.docker.com/engine/security/protect-access/>).
const TLS_PORT: u16 = 2376;

/// The port where Docker, by convention, listens without TLS (same page).
const PLAIN_PORT: u16 = 2375;

/// Where swarm nodes speak gRPC with each other
/// (<https://docs.docker.com/engine/swarm/swarm-tutorial/#open-protocols-and-ports-between-the-hosts>).
const SWARM_PORT: u16 = 2377;

/// What a person looks for in order to change the endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A variable of the job, by name: its content is the job's to answer for.
    Variable(String),
    /// A setting on the runner machine, in words: `cluster.endpoint in /etc/…/settings.toml`.
    Setting(String),
}

impl Source {
    /// Who has to act when the endpoint is wrong.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Variable(_) => Blame::Job,
            Self::Setting(_) => Blame::System,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "the variable {name}"),
            Self::Setting(words) => f.write_str(words),
        }
    }
}

/// What an address is meant to lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A manager of the cluster.
    Cluster,
    /// An engine for the job's containers.
    Engine,
}

/// An engine's address with mutual TLS. Displays as `tcp://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    authority: Authority,
    server_name: ServerName<'static>,
    source: Source,
    role: Role,
}

impl Endpoint {
    /// Reads the address of a cluster's manager: `tcp://host:2376`, `https://host:2376`,
    /// `host:2376` or `host` (then on port 2376).
    ///
    /// # Errors
    /// With the blame of `source`, when the text is no address of a Docker Engine with TLS.
    pub fn parse(text: &str, source: Source) -> Result<Self> {
        Self::parse_as(Role::Cluster, text, source)
    }

    pub(crate) fn parse_as(role: Role, text: &str, source: Source) -> Result<Self> {
        read(text.trim())
            .map_err(|refusal| refusal.into_failure(role, text.trim(), &source))
            .map(|(authority, server_name)| Self { authority, server_name, source, role })
    }

    /// The same port at another machine's address, which its certificate has to carry.
    ///
    /// # Errors
    /// None that is known: an address and a port always make an authority.
    pub(crate) fn at(&self, address: IpAddr) -> Result<Self> {
        let text = SocketAddr::new(address, self.port()).to_string();
        Self::parse_as(self.role, &text, self.source.clone())
    }

    /// `host:port`; an IPv6 host in brackets.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The name or address that the server's certificate has to carry.
    pub fn server_name(&self) -> &ServerName<'static> {
        &self.server_name
    }

    /// The port, always present.
    pub fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(TLS_PORT)
    }

    /// Who supplied it.
    pub fn source(&self) -> &Source {
        &self.source
    }

    pub(crate) fn role(&self) -> Role {
        self.role
    }

    /// What looks odd but may be meant.
    pub fn warning(&self) -> Option<String> {
        (self.port() == PLAIN_PORT).then(|| {
            format!(
                "{self} from {} has the port that Docker uses without TLS; with TLS it is {TLS_PORT}",
                self.source
            )
        })
    }
}

impl Role {
    /// What to call what is there.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Engine => "engine",
        }
    }

    fn ways(self) -> &'static str {
        match self {
            Self::Cluster => "a cluster is reached by TCP with mutual TLS only",
            Self::Engine => {
                "an engine is reached by TCP with mutual TLS or by a unix socket of this machine only"
            }
        }
    }

    /// How an address is written.
    pub(crate) fn example(self) -> String {
        match self {
            Self::Cluster => format!("write the manager's address as tcp://HOST:{TLS_PORT}"),
            Self::Engine => {
                format!("write the engine's address as tcp://HOST:{TLS_PORT} or unix:///PATH")
            }
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tcp://{}", self.authority)
    }
}

/// Why a text is no endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Empty,
    Unexpanded,
    Scheme,
    PlainHttp,
    Path,
    Credentials,
    Malformed,
    SwarmPort,
}

fn read(text: &str) -> Result<(Authority, ServerName<'static>), Refusal> {
    if text.is_empty() {
        return Err(Refusal::Empty);
    }
    if text.contains('$') {
        return Err(Refusal::Unexpanded);
    }
    let address = without_scheme(text)?;
    let address = address.strip_suffix('/').unwrap_or(address);
    if address.contains(['/', '?', '#']) {
        return Err(Refusal::Path);
    }
    if address.contains('@') {
        return Err(Refusal::Credentials);
    }
    let authority = with_port(address)?;
    if authority.port_u16() == Some(SWARM_PORT) {
        return Err(Refusal::SwarmPort);
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let server_name = ServerName::try_from(host).map_err(|_| Refusal::Malformed)?;
    Ok((authority, server_name))
}

fn without_scheme(text: &str) -> Result<&str, Refusal> {
    match text.split_once("://") {
        None if text.starts_with('/') => Err(Refusal::Scheme),
        None => Ok(text),
        Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
            "tcp" | "https" => Ok(rest),
            "http" => Err(Refusal::PlainHttp),
            _ => Err(Refusal::Scheme),
        },
    }
}

/// Completes the address to `host:port`; a bare IPv6 address gets its brackets.
fn with_port(address: &str) -> Result<Authority, Refusal> {
    let bare_v6 = address.parse::<std::net::Ipv6Addr>().is_ok();
    let address = if bare_v6 { format!("[{address}]") } else { address.to_owned() };
    let authority: Authority = address.parse().map_err(|_| Refusal::Malformed)?;
    match authority.port() {
        Some(port) if port.as_u16() == 0 => Err(Refusal::Malformed),
        Some(_) => Ok(authority),
        None if address == authority.host() => {
            format!("{address}:{TLS_PORT}").parse().map_err(|_| Refusal::Malformed)
        }
        None => Err(Refusal::Malformed),
    }
}

impl Refusal {
    fn into_failure(self, role: Role, text: &str, source: &Source) -> Failure {
        let failure = |message: String| Failure::new(source.blame(), message);
        let (noun, example) = (role.noun(), role.example());
        match self {
            Self::Empty => failure(format!("{source} names no {noun}: it is empty")).hint(example),
            Self::Unexpanded => unexpanded(text, source),
            Self::Scheme => failure(format!("{source} is {text}, but {}", role.ways()))
                .hint(example),
            Self::PlainHttp => failure(format!("{source} is {text}, which is plain HTTP: anyone on the way could take over the {noun}"))
                .hint(format!("start the engine there with --tlsverify, then {example}")),
            Self::Path => failure(format!("{source} is {text}: a Docker endpoint has no path")).hint(example),
            // The text may hold a password here.
            Self::Credentials => failure(format!("{source} holds a user name: a Docker endpoint has none"))
                .hint(example),
            Self::Malformed => failure(format!("{source} is no address: {text}")).hint(example),
            Self::SwarmPort => failure(format!("{source} is {text}, but {SWARM_PORT} is the port where swarm nodes speak with each other"))
                .hint(format!("name the engine's own port, by default {TLS_PORT}")),
        }
    }
}

/// The failure of an address that holds a `$`.
pub(crate) fn unexpanded(text: &str, source: &Source) -> Failure {
    Failure::new(
        source.blame(),
        format!("{source} holds a reference to another variable that was not expanded: {text}"),
    )
    .hint("write the address itself, or switch on \"Expand variable reference\" for it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Endpoint> {
        Endpoint::parse(text, Source::Variable("DOCKER_SWARM_MASTER".into()))
    }

    #[test]
    fn every_way_of_writing_an_address_is_understood() {
        for (text, address, name) in [
            ("tcp://192.0.2.7:2376", "tcp://192.0.2.7:2376", "192.0.2.7"),
            ("tcp://192.0.2.7", "tcp://192.0.2.7:2376", "192.0.2.7"),
            (
                "TCP://manager.example.org:1234/",
                "tcp://manager.example.org:1234",
                "manager.example.org",
            ),
            ("https://manager:443", "tcp://manager:443", "manager"),
            ("manager.example.org", "tcp://manager.example.org:2376", "manager.example.org"),
            (" manager:2376\n", "tcp://manager:2376", "manager"),
            ("tcp://[2001:db8::1]:2376", "tcp://[2001:db8::1]:2376", "2001:db8::1"),
            ("[2001:db8::1]", "tcp://[2001:db8::1]:2376", "2001:db8::1"),
            ("2001:db8::1", "tcp://[2001:db8::1]:2376", "2001:db8::1"),
        ] {
            let endpoint = parse(text).unwrap();
            assert_eq!(endpoint.to_string(), address, "for {text:?}");
            assert_eq!(endpoint.server_name().to_str(), name, "for {text:?}");
        }
    }

    #[test]
    fn what_is_no_engine_with_tls_is_refused_by_what_it_is() {
        for (text, words) in [
            ("", "it is empty"),
            ("$MANAGER", "not expanded: $MANAGER"),
            ("unix:///var/run/docker.sock", "by TCP with mutual TLS only"),
            ("/var/run/docker.sock", "by TCP with mutual TLS only"),
            ("ssh://root@manager", "by TCP with mutual TLS only"),
            ("http://manager:2375", "plain HTTP"),
            ("tcp://manager:2377", "2377 is the port where swarm nodes speak with each other"),
            ("tcp://manager:2376/v1.41", "has no path"),
            ("tcp://me:password@manager", "holds a user name"),
            ("tcp://manager:port", "is no address"),
            ("tcp://manager:0", "is no address"),
            ("tcp://manager:99999", "is no address"),
            ("tcp://:2376", "is no address"),
            ("two words", "is no address"),
        ] {
            let failure = parse(text).unwrap_err();
            assert_eq!(failure.blame(), Blame::Job);
            assert!(failure.to_string().contains(words), "{text:?} gives {failure}");
            assert!(
                failure.to_string().contains("DOCKER_SWARM_MASTER"),
                "{text:?} gives {failure}"
            );
            assert!(!failure.hints().is_empty());
            assert!(!failure.render().contains("password"));
        }
    }

    #[test]
    fn a_wrong_setting_is_the_systems() {
        let source = Source::Setting("cluster.endpoint in settings.toml".into());
        let failure = Endpoint::parse("unix:///x", source).unwrap_err();
        assert_eq!(failure.blame(), Blame::System);
        assert!(failure.to_string().starts_with("cluster.endpoint in settings.toml is unix:///x"));
    }

    #[test]
    fn the_port_for_plain_http_makes_a_warning() {
        assert!(parse("manager:2375").unwrap().warning().unwrap().contains("with TLS it is 2376"));
        assert_eq!(parse("manager:2376").unwrap().warning(), None);
    }
}

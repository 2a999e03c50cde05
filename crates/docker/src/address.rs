//! Where one Docker Engine answers: over the network, or at a unix socket of this machine.

use std::fmt;
use std::path::{Path, PathBuf};

use job::{Failure, Result};

use crate::Endpoint;
use crate::endpoint::{Role, Source, unexpanded};

/// Longest path of a unix socket, in bytes: the kernel's 108, less the end mark
/// (<https://man7.org/linux/man-pages/man7/unix.7.html>).
const LONGEST_PATH: usize = 107;

/// The address of an engine for the job's containers. Displays as `tcp://host:port` or
/// `unix:///path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineAddress {
    /// Over the network, with mutual TLS.
    Remote(Endpoint),
    /// On this machine, where file permissions decide who may.
    Local(Socket),
}

/// A unix socket of this machine. Displays as `unix:///path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    path: PathBuf,
    source: Source,
}

impl EngineAddress {
    /// Reads `unix:///path`, `/path`, or whatever [`Endpoint::parse`] reads.
    ///
    /// # Errors
    /// With the blame of `source`, when the text is neither.
    pub fn parse(text: &str, source: Source) -> Result<Self> {
        let text = text.trim();
        match text.split_once("://") {
            Some((scheme, path)) if scheme.eq_ignore_ascii_case("unix") => {
                Socket::parse(path, source).map(Self::Local)
            }
            None if text.starts_with('/') => Socket::parse(text, source).map(Self::Local),
            _ => Endpoint::parse_as(Role::Engine, text, source).map(Self::Remote),
        }
    }

    /// Who supplied it.
    pub fn source(&self) -> &Source {
        match self {
            Self::Remote(endpoint) => endpoint.source(),
            Self::Local(socket) => socket.source(),
        }
    }
}

impl Socket {
    fn parse(path: &str, source: Source) -> Result<Self> {
        let wrong = |what: &str| {
            let message = format!("{source} is unix://{path}, {what}");
            Err(Failure::new(source.blame(), message).hint(Role::Engine.example()))
        };
        match path {
            _ if path.contains('$') => Err(unexpanded(path, &source)),
            "" | "/" => wrong("which names no socket"),
            _ if !path.starts_with('/') => wrong("whose path is not absolute"),
            _ if path.len() > LONGEST_PATH => {
                wrong(&format!("whose path is longer than {LONGEST_PATH} bytes"))
            }
            _ => Ok(Self { path: path.into(), source }),
        }
    }

    /// The socket's path, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Who supplied it.
    pub fn source(&self) -> &Source {
        &self.source
    }
}

impl fmt::Display for EngineAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(endpoint) => endpoint.fmt(f),
            Self::Local(socket) => socket.fmt(f),
        }
    }
}

impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unix://{}", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use job::Blame;

    fn parse(text: &str) -> Result<EngineAddress> {
        EngineAddress::parse(text, Source::Setting("endpoint of [profile.ci.engine]".into()))
    }

    #[test]
    fn every_way_of_writing_an_address_is_understood() {
        for (text, address) in [
            ("unix:///var/run/docker.sock", "unix:///var/run/docker.sock"),
            (" UNIX:///run/docker.sock\n", "unix:///run/docker.sock"),
            ("/run/user/1000/docker.sock", "unix:///run/user/1000/docker.sock"),
            ("tcp://engine:1234", "tcp://engine:1234"),
            ("engine.example.org", "tcp://engine.example.org:2376"),
        ] {
            let parsed = parse(text).unwrap();
            assert_eq!(parsed.to_string(), address, "for {text:?}");
            assert_eq!(matches!(parsed, EngineAddress::Local(_)), address.starts_with("unix"));
        }
    }

    #[test]
    fn what_is_no_engine_is_refused_by_what_it_is() {
        let long = format!("unix:///{}", "x".repeat(LONGEST_PATH));
        for (text, words) in [
            ("", "names no engine: it is empty"),
            ("unix://", "is unix://, which names no socket"),
            ("unix:///", "which names no socket"),
            ("unix://docker.sock", "whose path is not absolute"),
            ("unix://$SOCKET", "not expanded: $SOCKET"),
            (&long, "whose path is longer than 107 bytes"),
            ("npipe:////./pipe/docker_engine", "by TCP with mutual TLS or by a unix socket"),
            ("ssh://root@engine", "by TCP with mutual TLS or by a unix socket"),
            ("http://engine:2375", "could take over the engine"),
        ] {
            let failure = parse(text).unwrap_err();
            assert_eq!(failure.blame(), Blame::System);
            assert!(failure.to_string().contains(words), "{text:?} gives {failure}");
            assert!(failure.to_string().contains("[profile.ci.engine]"), "{failure}");
            assert!(!failure.hints().is_empty());
        }
    }
}

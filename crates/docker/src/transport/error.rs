//! Why a request got no response, in the words of the person who has to act.
//!
//! Blame follows from who supplied what is at fault, the endpoint or the credentials; whatever
//! only the cluster's or the network's keepers can mend is the system's.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use humantime::{format_duration, format_rfc3339_seconds};
use job::{Blame, Failure};
use rustls::pki_types::{ServerName, UnixTime};

use super::fault::Fault;
use super::{BoxError, Target};
use crate::credentials::{Origin, Part};

/// A request that got no response, with what it takes to explain it.
#[derive(Debug)]
pub struct TransportError {
    target: Arc<Target>,
    fault: Fault,
    source: BoxError,
}

impl TransportError {
    pub(super) fn new(target: Arc<Target>, source: hyper_util::client::legacy::Error) -> Self {
        Self { target, fault: Fault::of(&source), source: source.into() }
    }

    /// The kind of fault.
    pub fn fault(&self) -> &Fault {
        &self.fault
    }

    /// The transport's error inside bollard's, if that is what it is about.
    pub fn within(error: &bollard::errors::Error) -> Option<&Self> {
        match error {
            bollard::errors::Error::IOError { err } => err.get_ref()?.downcast_ref(),
            _ => None,
        }
    }

    /// The failure to show: what is wrong, whose it is, and the remedy.
    pub fn to_failure(&self) -> Failure {
        Failure::new(self.blame(), format!("{self}: {}", self.explanation())).hint(self.remedy())
    }

    fn blame(&self) -> Blame {
        match self.fault {
            Fault::NotTls | Fault::NotHttp | Fault::WrongName { .. } => {
                self.target.endpoint.source().blame()
            }
            Fault::UnknownIssuer | Fault::Rejected { .. } => self.origin().blame(),
            Fault::Refused
            | Fault::TimedOut(_)
            | Fault::NotResolved
            | Fault::NoRoute
            | Fault::Expired { .. }
            | Fault::NotYetValid { .. }
            | Fault::CaAsServer
            | Fault::OldCertificate
            | Fault::NotForServers
            | Fault::WeakSignature
            | Fault::BadCertificate(_)
            | Fault::Incompatible(_)
            | Fault::Closed
            | Fault::RequestBody
            | Fault::Other => Blame::System,
        }
    }

    fn origin(&self) -> &Origin {
        self.target.identity.origin()
    }

    fn explanation(&self) -> String {
        match &self.fault {
            Fault::Refused => "it refuses connections".into(),
            Fault::TimedOut(limit) => format!("no answer within {}", format_duration(*limit)),
            Fault::NotResolved => "the name has no address".into(),
            Fault::NoRoute => "the network has no way there".into(),
            Fault::NotTls => "it does not speak TLS there, most likely plain HTTP".into(),
            Fault::NotHttp => {
                "it speaks TLS but not HTTP/1.1 there, as the port does that swarm nodes use".into()
            }
            Fault::WrongName { names } if names.is_empty() => {
                "its certificate names no host (no subject alternative name)".into()
            }
            Fault::WrongName { names } => {
                format!("its certificate is for {}, not for {}", names.join(", "), self.host())
            }
            Fault::Expired { until, now } => format!(
                "its certificate expired on {}; this machine's clock says {}",
                moment(*until),
                moment(*now)
            ),
            Fault::NotYetValid { from, now } => format!(
                "its certificate is valid from {} only; this machine's clock says {}",
                moment(*from),
                moment(*now)
            ),
            Fault::UnknownIssuer => {
                format!("its certificate is not signed by the CA in {}", self.name_of(Part::Ca))
            }
            Fault::CaAsServer => "it presents a CA's certificate as its own".into(),
            Fault::OldCertificate => "its certificate is of X.509 version 1, without names".into(),
            Fault::NotForServers => "its certificate is not for servers (no serverAuth)".into(),
            Fault::WeakSignature => {
                "its certificate is signed with an algorithm that is not accepted any more".into()
            }
            Fault::BadCertificate(why) => format!("its certificate is unacceptable: {why}"),
            Fault::Incompatible(why) => format!("no TLS in common: {why}"),
            Fault::Rejected { alert } => format!(
                "it rejects the client certificate in {} ({alert})",
                self.name_of(Part::Certificate)
            ),
            Fault::Closed => "it closed the connection before the answer was complete".into(),
            Fault::RequestBody => "the request's body broke off".into(),
            Fault::Other => innermost(self.source.as_ref()),
        }
    }

    fn remedy(&self) -> String {
        let address = self.target.endpoint.source();
        match &self.fault {
            Fault::Refused => format!(
                "check that the manager's engine runs with `-H {} --tlsverify`, or correct {address}",
                format_args!("tcp://0.0.0.0:{}", self.target.endpoint.port())
            ),
            Fault::TimedOut(_) | Fault::NoRoute => format!(
                "check the firewall between this runner machine and the manager, or correct {address}"
            ),
            Fault::NotResolved => {
                format!("check the name service of this runner machine, or correct {address}")
            }
            Fault::NotTls => format!(
                "point {address} at the engine's TLS port, by default 2376, or start the engine with --tlsverify"
            ),
            Fault::NotHttp => {
                format!("point {address} at the engine's own port, by default 2376")
            }
            Fault::WrongName { names } if names.is_empty() => format!(
                "issue the server's certificate with subjectAltName = {}",
                self.alternative_name()
            ),
            Fault::WrongName { .. } => format!(
                "use one of these names in {address}, or issue the server's certificate with subjectAltName = {}",
                self.alternative_name()
            ),
            Fault::Expired { .. } => {
                "renew the server's certificate on the manager and restart its engine".into()
            }
            Fault::NotYetValid { .. } => "compare the clocks of both machines".into(),
            Fault::UnknownIssuer => format!(
                "put the CA that signed the manager's certificate into {}, or correct {address}",
                self.name_of(Part::Ca)
            ),
            Fault::CaAsServer
            | Fault::OldCertificate
            | Fault::NotForServers
            | Fault::WeakSignature
            | Fault::BadCertificate(_) => format!(
                "issue a certificate for the server: X.509 version 3, SHA-256, CA:FALSE, extendedKeyUsage = serverAuth, subjectAltName = {}",
                self.alternative_name()
            ),
            Fault::Incompatible(_) => "the engine must offer TLS 1.2 or 1.3".into(),
            Fault::Rejected { .. } => format!(
                "the engine's log on the manager says why; usually {} is not signed by the CA in its --tlscacert, or is not for clients",
                self.name_of(Part::Certificate)
            ),
            Fault::Closed => "look at the engine's log on the manager".into(),
            Fault::RequestBody => "run the command again: its sender went away".into(),
            Fault::Other => {
                "look at the engine's log on the manager, and at this runner machine for a \
                 firewall rule or a limit that forbids the connection"
                    .into()
            }
        }
    }

    fn name_of(&self, part: Part) -> String {
        self.origin().name_of(part)
    }

    fn host(&self) -> String {
        self.target.endpoint.server_name().to_str().into_owned()
    }

    /// What openssl's `subjectAltName` should say for this endpoint.
    fn alternative_name(&self) -> String {
        let kind = match self.target.endpoint.server_name() {
            ServerName::IpAddress(_) => "IP",
            _ => "DNS",
        };
        format!("{kind}:{}", self.host())
    }
}

impl From<TransportError> for Failure {
    fn from(error: TransportError) -> Self {
        error.to_failure()
    }
}

impl From<TransportError> for bollard::errors::Error {
    /// Hidden where [`TransportError::within`] finds it.
    fn from(error: TransportError) -> Self {
        Self::IOError { err: io::Error::other(error) }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot reach the cluster at {}", self.target.endpoint)
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}

fn moment(time: UnixTime) -> String {
    let since = Duration::from_secs(time.as_secs());
    format_rfc3339_seconds(SystemTime::UNIX_EPOCH + since).to_string()
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

//! What went wrong on the way to an engine over the network, by mutual TLS.
//!
//! Blame follows from who supplied what is at fault, the endpoint or the credentials; whatever
//! only the engine's or the network's keepers can mend is the system's.

use std::time::{Duration, SystemTime};

use humantime::{format_duration, format_rfc3339_seconds};
use job::Blame;
use rustls::pki_types::{ServerName, UnixTime};

use crate::credentials::Part;
use crate::transport::fault::Fault;
use crate::transport::target::Remote;

impl Remote {
    pub(super) fn blame(&self, fault: &Fault) -> Blame {
        match fault {
            Fault::NotTls | Fault::NotHttp | Fault::WrongName { .. } => {
                self.endpoint.source().blame()
            }
            Fault::UnknownIssuer | Fault::Rejected { .. } => self.identity.origin().blame(),
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
            | Fault::NoSocket
            | Fault::NotASocket
            | Fault::Denied
            | Fault::Closed
            | Fault::RequestBody
            | Fault::Other => Blame::System,
        }
    }

    pub(super) fn explanation(&self, fault: &Fault) -> Option<String> {
        Some(match fault {
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
            Fault::NoSocket | Fault::NotASocket | Fault::Denied | Fault::Other => return None,
        })
    }

    pub(super) fn remedy(&self, fault: &Fault) -> String {
        let address = self.endpoint.source();
        match fault {
            Fault::Refused => format!(
                "check that the engine there runs with `-H {} --tlsverify`, or correct {address}",
                format_args!("tcp://0.0.0.0:{}", self.endpoint.port())
            ),
            Fault::TimedOut(_) | Fault::NoRoute => format!(
                "check the firewall between this runner machine and the engine, or correct {address}"
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
            Fault::Expired { .. } => "renew the certificate of the engine and restart it".into(),
            Fault::NotYetValid { .. } => "compare the clocks of both machines".into(),
            Fault::UnknownIssuer => format!(
                "put the CA that signed the engine's certificate into {}, or correct {address}",
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
                "the engine's log says why; usually {} is not signed by the CA in its --tlscacert, or is not for clients",
                self.name_of(Part::Certificate)
            ),
            Fault::Closed => "look at the engine's log".into(),
            Fault::RequestBody => "run the command again: its sender went away".into(),
            Fault::NoSocket | Fault::NotASocket | Fault::Denied | Fault::Other => {
                "look at the engine's log, and at this runner machine for a firewall rule or a \
                 limit that forbids the connection"
                    .into()
            }
        }
    }

    fn name_of(&self, part: Part) -> String {
        self.identity.origin().name_of(part)
    }

    fn host(&self) -> String {
        self.endpoint.server_name().to_str().into_owned()
    }

    /// What openssl's `subjectAltName` should say for this endpoint.
    fn alternative_name(&self) -> String {
        let kind = match self.endpoint.server_name() {
            ServerName::IpAddress(_) => "IP",
            _ => "DNS",
        };
        format!("{kind}:{}", self.host())
    }
}

fn moment(time: UnixTime) -> String {
    let since = Duration::from_secs(time.as_secs());
    format_rfc3339_seconds(SystemTime::UNIX_EPOCH + since).to_string()
}

//! What went wrong on the way to the engine, found in the nested errors of hyper, tokio and rustls.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, InvalidMessage};

use super::connector::ConnectError;

/// The kind of fault.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nobody listens at the address.
    Refused,
    /// No connection within the time given.
    TimedOut(Duration),
    /// The host's name has no address.
    NotResolved,
    /// The network has no way to the address.
    NoRoute,
    /// There is no such socket.
    NoSocket,
    /// What is there is no socket.
    NotASocket,
    /// This user may not open the socket.
    Denied,
    /// The server speaks, but not TLS: most likely plain HTTP.
    NotTls,
    /// The server speaks TLS but no HTTP/1.1: most likely the swarm's own port.
    NotHttp,
    /// The server's certificate is for other names.
    WrongName {
        /// The names and addresses that it is for; none if it has no subject alternative name.
        names: Vec<String>,
    },
    /// The server's certificate has expired.
    Expired {
        /// Its last moment.
        until: UnixTime,
        /// This machine's clock.
        now: UnixTime,
    },
    /// The server's certificate is not valid yet.
    NotYetValid {
        /// Its first moment.
        from: UnixTime,
        /// This machine's clock.
        now: UnixTime,
    },
    /// The server's certificate is not from our CA.
    UnknownIssuer,
    /// The server presents a CA's certificate as its own.
    CaAsServer,
    /// The server's certificate is of X.509 version 1.
    OldCertificate,
    /// The server's certificate is not for servers.
    NotForServers,
    /// The server's certificate is signed in a way that is not accepted any more, as SHA-1.
    WeakSignature,
    /// The server's certificate is unacceptable otherwise.
    BadCertificate(String),
    /// The server and we have no TLS version, cipher or signature in common.
    Incompatible(String),
    /// The server does not accept our certificate, and said so.
    Rejected {
        /// Its alert, as RFC 8446 spells it.
        alert: &'static str,
    },
    /// The connection ended before the response did.
    Closed,
    /// The body of the request could not be read from whoever sends it.
    RequestBody,
    /// Anything else.
    Other,
}

impl Fault {
    /// The outermost cause that explains the error.
    pub(super) fn of(error: &(dyn Error + 'static)) -> Self {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(fault) = Self::explained_by(error) {
                return fault;
            }
            cause = error.source();
        }
        Self::Other
    }

    fn explained_by(error: &(dyn Error + 'static)) -> Option<Self> {
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            Some(Self::of_tls(error))
        } else if let Some(error) = error.downcast_ref::<ConnectError>() {
            Self::of_connect(error)
        } else if let Some(error) = error.downcast_ref::<io::Error>() {
            // What a custom I/O error wraps is not its source.
            match error.get_ref() {
                Some(inner) => Self::explained_by(inner).or_else(|| Self::of_io(error)),
                None => Self::of_io(error),
            }
        } else {
            error.downcast_ref::<hyper::Error>().and_then(Self::of_http)
        }
    }

    fn of_connect(error: &ConnectError) -> Option<Self> {
        match error {
            ConnectError::TimedOut(limit) => Some(Self::TimedOut(*limit)),
            ConnectError::NotResolved(..) => Some(Self::NotResolved),
            ConnectError::NotASocket => Some(Self::NotASocket),
            ConnectError::Socket(error) => Self::of_socket(error),
            ConnectError::Handshake(_) => None,
        }
    }

    fn of_socket(error: &io::Error) -> Option<Self> {
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Some(Self::NoSocket),
            ErrorKind::PermissionDenied => Some(Self::Denied),
            _ => None,
        }
    }

    fn of_io(error: &io::Error) -> Option<Self> {
        match error.kind() {
            ErrorKind::ConnectionRefused => Some(Self::Refused),
            ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::AddrNotAvailable => Some(Self::NoRoute),
            // Connecting has a shorter limit of its own: the kernel gave up an open connection.
            ErrorKind::TimedOut
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof => Some(Self::Closed),
            _ => None,
        }
    }

    fn of_http(error: &hyper::Error) -> Option<Self> {
        if error.is_user() {
            Some(Self::RequestBody)
        } else if error.is_parse() {
            Some(Self::NotHttp)
        } else if error.is_incomplete_message() {
            Some(Self::Closed)
        } else if error.is_closed() || error.is_canceled() {
            match error.source().map(Self::of) {
                None | Some(Self::Other) => Some(Self::Closed),
                told => told,
            }
        } else {
            None
        }
    }

    fn of_tls(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(error) => Self::of_certificate(error),
            rustls::Error::AlertReceived(alert) => Self::of_alert(*alert),
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => Self::NotTls,
            rustls::Error::NoApplicationProtocol => Self::NotHttp,
            rustls::Error::PeerIncompatible(_) => Self::Incompatible(error.to_string()),
            _ => Self::Other,
        }
    }

    fn of_alert(alert: AlertDescription) -> Self {
        use AlertDescription as A;
        let rejected = |alert| Self::Rejected { alert };
        match alert {
            A::NoCertificate => rejected("no_certificate"),
            A::BadCertificate => rejected("bad_certificate"),
            A::UnsupportedCertificate => rejected("unsupported_certificate"),
            A::CertificateRevoked => rejected("certificate_revoked"),
            A::CertificateExpired => rejected("certificate_expired"),
            A::CertificateUnknown => rejected("certificate_unknown"),
            A::UnknownCA => rejected("unknown_ca"),
            A::AccessDenied => rejected("access_denied"),
            A::DecryptError => rejected("decrypt_error"),
            A::CertificateRequired => rejected("certificate_required"),
            A::NoApplicationProtocol => Self::NotHttp,
            A::HandshakeFailure => Self::Incompatible("handshake_failure".into()),
            A::ProtocolVersion => Self::Incompatible("protocol_version".into()),
            A::InsufficientSecurity => Self::Incompatible("insufficient_security".into()),
            _ => Self::Other,
        }
    }

    fn of_certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::NotValidForNameContext { presented, .. } => {
                Self::WrongName { names: presented.iter().map(|name| plain_name(name)).collect() }
            }
            CertificateError::ExpiredContext { time, not_after } => {
                Self::Expired { until: *not_after, now: *time }
            }
            CertificateError::NotValidYetContext { time, not_before } => {
                Self::NotYetValid { from: *not_before, now: *time }
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownIssuer,
            CertificateError::InvalidPurposeContext { .. } => Self::NotForServers,
            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                Self::WeakSignature
            }
            CertificateError::Other(other) => match other.0.downcast_ref::<webpki::Error>() {
                Some(webpki::Error::CaUsedAsEndEntity) => Self::CaAsServer,
                Some(webpki::Error::UnsupportedCertVersion) => Self::OldCertificate,
                _ => Self::BadCertificate(other.to_string()),
            },
            _ => Self::BadCertificate(error.to_string()),
        }
    }
}

/// webpki hands names out as `DnsName("host")` and `IpAddress(192.0.2.1)`.
fn plain_name(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    inner.trim_matches('"').to_owned()
}

//! Why a request failed, in the few words that a report has room for. Nothing of the URL is in
//! them, and nothing that a server could choose but its status.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

use http::StatusCode;
use rustls::{CertificateError, InvalidMessage};

use super::lookup::NotFound;

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault(Cow<'static, str>);

const CLOSED: &str = "the connection was closed before an answer";

impl Fault {
    /// The answer has a status that is no success.
    pub(super) fn status(status: StatusCode) -> Self {
        let code = status.as_u16();
        Self(status.canonical_reason().map_or_else(
            || format!("status {code}").into(),
            |reason| format!("{code} {reason}").into(),
        ))
    }

    /// It took longer than it may.
    pub(super) fn timed_out(limit: Duration) -> Self {
        Self(format!("timed out after {}", humantime::format_duration(limit)).into())
    }

    /// There was a connection, and no answer.
    pub(super) const fn closed() -> Self {
        Self(Cow::Borrowed(CLOSED))
    }

    /// There was an answer, but not all of it.
    pub(super) const fn cut_off() -> Self {
        Self(Cow::Borrowed("the connection was closed in the middle of the answer"))
    }

    /// There was no answer to the request.
    pub(super) fn answering(error: &hyper::Error) -> Self {
        if error.is_parse() { Self("the answer is not HTTP".into()) } else { Self::closed() }
    }

    /// There is no connection.
    pub(super) fn connecting(error: &(dyn Error + 'static)) -> Self {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if error.is::<NotFound>() {
                return Self("the name has no address".into());
            }
            if let Some(error) = error.downcast_ref::<io::Error>() {
                return Self::of_io(error);
            }
            cause = error.source();
        }
        Self("no connection".into())
    }

    fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused => Self("connection refused".into()),
            ErrorKind::ConnectionReset => Self("connection reset".into()),
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                Self("the network has no way there".into())
            }
            _ => Self(format!("no connection: {error}").into()),
        }
    }

    /// There is a connection, and no TLS on it.
    pub(super) fn handshaking(error: &io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(error) => Self::of_tls(error),
            None => Self::closed(),
        }
    }

    fn of_tls(error: &rustls::Error) -> Self {
        use CertificateError as C;
        Self(match error {
            rustls::Error::InvalidCertificate(error) => match error {
                C::NotValidForName | C::NotValidForNameContext { .. } => {
                    "TLS: its certificate is for another name".into()
                }
                C::Expired | C::ExpiredContext { .. } => "TLS: its certificate has expired".into(),
                C::NotValidYet | C::NotValidYetContext { .. } => {
                    "TLS: its certificate is not valid yet".into()
                }
                // The latter where another CA of that name is trusted.
                C::UnknownIssuer | C::BadSignature => {
                    "TLS: its certificate is signed by nobody whom this machine trusts".into()
                }
                error => format!("TLS: its certificate is not acceptable: {error}").into(),
            },
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
                "it does not speak TLS".into()
            }
            rustls::Error::AlertReceived(alert) => format!("TLS: it sends {alert:?}").into(),
            error => format!("TLS: {error}").into(),
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_told_with_their_reason_by_the_standard() {
        let told = |code| Fault::status(StatusCode::from_u16(code).unwrap()).to_string();
        assert_eq!(told(503), "503 Service Unavailable");
        assert_eq!(told(599), "status 599");
    }

    #[test]
    fn tls_faults_are_told_without_what_the_server_presents() {
        use CertificateError as C;
        let table = [
            (C::Expired, "TLS: its certificate has expired"),
            (C::NotValidYet, "TLS: its certificate is not valid yet"),
            (C::NotValidForName, "TLS: its certificate is for another name"),
            (C::UnknownIssuer, "TLS: its certificate is signed by nobody whom this machine trusts"),
        ];
        for (error, words) in table {
            let error = io::Error::other(rustls::Error::InvalidCertificate(error));
            assert_eq!(Fault::handshaking(&error).to_string(), words);
        }
        let eof = io::Error::from(ErrorKind::UnexpectedEof);
        assert_eq!(Fault::handshaking(&eof), Fault::closed());
    }
}

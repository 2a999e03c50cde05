//! Headers that speak about one connection only, and so end here
//! (<https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1>).

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HeaderMap, HeaderName, HeaderValue, TE, TRANSFER_ENCODING,
    UPGRADE,
};

/// Sent by clients that keep a connection to a proxy; meant for nobody behind it.
const OBSOLETE: [&str; 2] = ["keep-alive", "proxy-connection"];

/// Takes out of a request what is between the job and here. What replaces it is hyper's business,
/// but for an upgrade, which goes on to the cluster.
pub(crate) fn strip_request(headers: &mut HeaderMap) {
    let upgrade = upgrade(headers).cloned();
    let trailers = headers.get(TE).is_some_and(|te| has_token(te, "trailers"));
    strip(headers);
    // hyper answers this one itself, when the body is asked for.
    headers.remove(EXPECT);
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    if let Some(protocol) = upgrade {
        ask_upgrade(headers, protocol);
    }
}

/// Takes out of a response what is between the cluster and here.
pub(crate) fn strip_response(headers: &mut HeaderMap) {
    strip(headers);
}

/// The protocol that a request asks to change to. `Connection` should say so too, but dockerd does
/// not look at it.
pub(crate) fn upgrade(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get(UPGRADE)
}

/// Asks for another protocol.
pub(crate) fn ask_upgrade(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, protocol);
}

fn strip(headers: &mut HeaderMap) {
    for name in nominated(headers) {
        headers.remove(name);
    }
    for name in OBSOLETE {
        headers.remove(name);
    }
    if headers.remove(TRANSFER_ENCODING).is_some() {
        // Of the two, only the encoding counts (RFC 9112, section 6.3).
        headers.remove(CONTENT_LENGTH);
    }
    for name in [CONNECTION, TE, UPGRADE] {
        headers.remove(name);
    }
}

/// The headers that `Connection` names. Framing can't be named away.
fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(tokens)
        .filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok())
        .filter(|name| *name != CONTENT_LENGTH && *name != TRANSFER_ENCODING)
        .collect()
}

fn has_token(value: &HeaderValue, token: &str) -> bool {
    tokens(value).any(|word| word.eq_ignore_ascii_case(token))
}

fn tokens(value: &HeaderValue) -> impl Iterator<Item = &str> {
    value.to_str().unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn what_connection_names_ends_here() {
        let mut asked = headers(&[
            ("connection", "keep-alive, X-Hop"),
            ("keep-alive", "timeout=5"),
            ("x-hop", "1"),
            ("x-registry-auth", "e30="),
            ("te", "trailers, deflate"),
            ("expect", "100-continue"),
        ]);
        strip_request(&mut asked);
        assert_eq!(asked, headers(&[("x-registry-auth", "e30="), ("te", "trailers")]));
    }

    #[test]
    fn an_upgrade_goes_on() {
        let mut asked = headers(&[("connection", "keep-alive, Upgrade"), ("upgrade", "h2c")]);
        strip_request(&mut asked);
        assert_eq!(asked, headers(&[("connection", "Upgrade"), ("upgrade", "h2c")]));
    }

    #[test]
    fn a_length_beside_an_encoding_is_dropped_and_can_not_be_named_away() {
        let mut told = headers(&[("transfer-encoding", "chunked"), ("content-length", "3")]);
        strip_response(&mut told);
        assert!(told.is_empty());

        let mut told = headers(&[("connection", "content-length"), ("content-length", "3")]);
        strip_response(&mut told);
        assert_eq!(told, headers(&[("content-length", "3")]));
    }
}

//! Where probes go, and where a job may send them.
//!
//! A URL is read as browsers read it (<https://url.spec.whatwg.org/>), so what is compared with a
//! pattern is what will be asked: the host in lower case and Punycode, the path without `..`, no
//! port that the scheme has anyway. User, password and query never count in a comparison and are
//! never shown, for all three are where people put secrets.

use std::fmt;
use std::str::FromStr;

use globset::{Glob, GlobBuilder};
use percent_encoding::percent_decode_str;
use thiserror::Error;
use url::{Host, Url};

use crate::Secret;

/// Where a probe goes, `http` or `https`. Displays and debugs without user, password and query.
#[derive(Clone, PartialEq, Eq)]
pub struct ProbeUrl(Url);

/// A text that is no URL to probe; never shown, for it may hold a password.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("must be a URL such as \"https://shop.example.com/health\"")]
pub struct NotAUrl;

/// A pattern of URLs without user, password and query: `*` stays between two slashes, `**` crosses
/// them, `{a,b}`, `[a-z]`, `?` and `\` are as in a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlPattern(Glob);

/// A text that is no pattern.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("must be a pattern such as \"https://*.example.com/**\"")]
pub struct NotAPattern;

impl ProbeUrl {
    /// Whether it is asked over TLS.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The host: a name, or an address; one of IPv6 without brackets.
    pub fn host(&self) -> String {
        match self.0.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
            None => String::new(),
        }
    }

    /// The port, which the scheme has if the URL has none.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(80)
    }

    /// The value of a request's header `Host`: the port is in it unless it is the scheme's.
    pub fn authority(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        self.0.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// What is asked for there. It may hold secrets.
    pub fn path_and_query(&self) -> String {
        match self.0.query() {
            Some(query) => format!("{}?{query}", self.0.path()),
            None => self.0.path().to_owned(),
        }
    }

    /// User and password as one secret with a colon between, if the URL has either.
    pub fn credentials(&self) -> Option<Secret> {
        let (user, password) = (self.0.username(), self.0.password());
        if user.is_empty() && password.is_none() {
            return None;
        }
        let decoded = |text| percent_decode_str(text).decode_utf8_lossy();
        Some(format!("{}:{}", decoded(user), decoded(password.unwrap_or_default())).into())
    }
}

impl FromStr for ProbeUrl {
    type Err = NotAUrl;

    fn from_str(text: &str) -> Result<Self, NotAUrl> {
        let mut url = Url::parse(text.trim()).map_err(|_| NotAUrl)?;
        url.set_fragment(None);
        let is_http = matches!(url.scheme(), "http" | "https");
        if is_http && url.has_host() && url.port() != Some(0) {
            Ok(Self(url))
        } else {
            Err(NotAUrl)
        }
    }
}

impl fmt::Display for ProbeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.0.scheme(), self.authority(), self.0.path())
    }
}

impl fmt::Debug for ProbeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProbeUrl({self})")
    }
}

impl UrlPattern {
    /// Whether it matches `url`.
    pub fn matches(&self, url: &ProbeUrl) -> bool {
        self.0.compile_matcher().is_match(url.to_string())
    }
}

impl FromStr for UrlPattern {
    type Err = NotAPattern;

    fn from_str(text: &str) -> Result<Self, NotAPattern> {
        let glob = GlobBuilder::new(text).literal_separator(true).backslash_escape(true).build();
        glob.ok().filter(|_| !text.is_empty()).map(Self).ok_or(NotAPattern)
    }
}

impl fmt::Display for UrlPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.glob())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ExposeSecret;

    fn url(text: &str) -> ProbeUrl {
        text.parse().unwrap()
    }

    #[test]
    fn a_url_has_all_that_a_request_needs() {
        let plain = url("HTTP://Shop.Example.com/a/../health?deep=1#top");
        assert_eq!((plain.host().as_str(), plain.port()), ("shop.example.com", 80));
        assert_eq!(plain.authority(), "shop.example.com");
        assert_eq!(plain.path_and_query(), "/health?deep=1");
        assert!(!plain.is_https() && plain.credentials().is_none());
        let six = url("https://[::1]:8443");
        assert_eq!((six.host().as_str(), six.port()), ("::1", 8443));
        assert_eq!((six.authority().as_str(), six.path_and_query().as_str()), ("[::1]:8443", "/"));
    }

    #[test]
    fn user_password_and_query_are_never_shown() {
        let secret = url("https://ann:s3cr%20et@shop.example.com/health?token=s3cr");
        for shown in [secret.to_string(), format!("{secret:?}")] {
            assert!(shown.contains("https://shop.example.com/health"), "{shown}");
            assert!(!shown.contains("s3cr") && !shown.contains("ann"), "{shown}");
        }
        assert_eq!(secret.credentials().unwrap().expose_secret(), "ann:s3cr et");
    }

    #[test]
    fn what_can_not_be_asked_over_http_is_no_url() {
        for text in ["", "shop.example.com", "ftp://a/", "http://", "http://a:0/", "/health"] {
            assert_eq!(text.parse::<ProbeUrl>(), Err(NotAUrl), "{text}");
        }
    }

    #[test]
    fn patterns_match_what_will_be_asked() {
        for (pattern, asked, permitted) in [
            ("https://shop.example.com/health", "https://shop.example.com/health", true),
            ("https://shop.example.com/health", "https://shop.example.com:443/health?a=b", true),
            ("https://shop.example.com/health", "http://shop.example.com/health", false),
            ("https://shop.example.com/", "https://shop.example.com", true),
            ("https://*.example.com/**", "https://shop.example.com/", true),
            ("https://*.example.com/**", "https://SHOP.example.com/a/b", true),
            ("https://*.example.com/**", "https://evil.test/x.example.com/a", false),
            ("https://*.example.com/**", "https://a.example.com@evil.test/", false),
            ("https://*.example.com/**", "https://a.example.com:8443/", false),
            ("https://*.example.com/**", "https://evil.test?.example.com/", false),
            ("http://a.test/open/*", "http://a.test/open/../closed", false),
            ("http{,s}://a.test/**", "https://a.test/x", true),
            ("**", "http://anything.test/at/all", true),
        ] {
            let pattern: UrlPattern = pattern.parse().unwrap();
            assert_eq!(pattern.matches(&url(asked)), permitted, "{pattern} {asked}");
        }
        for text in ["", "http://[", "http://{a"] {
            assert_eq!(text.parse::<UrlPattern>(), Err(NotAPattern), "{text}");
        }
    }
}

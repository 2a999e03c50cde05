//! The Docker API's version, `1.41`.

use std::fmt;

use bollard::API_DEFAULT_VERSION;
use http::Uri;
use http::uri::PathAndQuery;

/// A version of the Docker API. Displays as `1.41`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion {
    major: usize,
    minor: usize,
}

impl ApiVersion {
    /// The one that bollard's models describe.
    pub(super) const BOLLARD: Self =
        Self { major: API_DEFAULT_VERSION.major_version, minor: API_DEFAULT_VERSION.minor_version };

    /// The oldest that will do, of Docker Engine 20.10
    /// (<https://docs.docker.com/reference/api/engine/#api-version-matrix>).
    pub(super) const OLDEST: Self = Self { major: 1, minor: 41 };

    /// Reads `1.41`, as the header `Api-Version` has it.
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }

    /// Makes `/info` into `/v1.41/info`.
    pub(super) fn put_into(self, uri: &mut Uri) {
        let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let versioned = format!("/v{self}{path}").parse();
        let mut parts = uri.clone().into_parts();
        if let Ok(path) = versioned {
            parts.path_and_query = Some(path);
        }
        if let Ok(whole) = Uri::from_parts(parts) {
            *uri = whole;
        }
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

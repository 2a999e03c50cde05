//! What a request asks for: an [`Operation`] on an object, read from method and path.
//!
//! The table is dockerd's own, in dockerd's order
//! (<https://github.com/moby/moby/tree/master/daemon/server/router>): the first row that matches
//! decides, with and without `/vX.Y` in front. Paths are percent-decoded first, because dockerd
//! matches decoded paths.
//!
//! Nothing here is repaired. dockerd answers a path with `//`, `/./` or `/../` in it by a redirect
//! and acts on nothing (<https://github.com/gorilla/mux/blob/v1.8.1/mux.go>), so such a path
//! is an unknown operation here as well, and goes out as it came in.

mod table;

use http::Method;
use percent_encoding::percent_decode_str;

use self::table::TABLE;

/// What is done to which kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The kind of object: `service`, `container`, `system`, …
    pub kind: &'static str,
    /// What is done: `create`, `inspect`, `attach`, …
    pub action: &'static str,
}

impl Operation {
    /// Nothing that dockerd is known to offer.
    pub const UNKNOWN: Self = Self::new("unknown", "unknown");
    /// `POST /services/create`
    pub const SERVICE_CREATE: Self = Self::new("service", "create");
    /// `POST /services/{id}/update`
    pub const SERVICE_UPDATE: Self = Self::new("service", "update");
    /// `DELETE /services/{id}`
    pub const SERVICE_REMOVE: Self = Self::new("service", "remove");
    /// `POST /containers/create`
    pub const CONTAINER_CREATE: Self = Self::new("container", "create");
    /// `POST /containers/{name}/attach`
    pub const CONTAINER_ATTACH: Self = Self::new("container", "attach");
    /// `POST /exec/{id}/start`
    pub const EXEC_START: Self = Self::new("exec", "start");

    const fn new(kind: &'static str, action: &'static str) -> Self {
        Self { kind, action }
    }
}

/// An operation and the object's id or name, as the path gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// What is asked for.
    pub operation: Operation,
    /// The object, where the path names one: an ID, a name or the beginning of an ID.
    pub object: Option<String>,
}

impl Route {
    /// Reads a request's method and raw path (no query).
    pub fn of(method: &Method, path: &str) -> Self {
        let path = percent_decode_str(path).decode_utf8_lossy();
        if method == Method::OPTIONS {
            return Self { operation: Operation::new("system", "options"), object: None };
        }
        if !is_clean(&path) {
            return Self::unknown();
        }
        let bare = split_version(&path).1;
        TABLE
            .iter()
            .filter(|row| row.0 == method.as_str())
            .find_map(|row| Some(Self::on(row.2, row.3, captured(row.1, bare)?)))
            .unwrap_or_else(Self::unknown)
    }

    fn on(kind: &'static str, action: &'static str, object: &str) -> Self {
        let object = (!object.is_empty()).then(|| object.to_owned());
        Self { operation: Operation::new(kind, action), object }
    }

    fn unknown() -> Self {
        Self { operation: Operation::UNKNOWN, object: None }
    }
}

/// Whether Go's `path.Clean` would leave the path alone; a final slash is kept by the router.
fn is_clean(path: &str) -> bool {
    path.strip_prefix('/').is_some_and(|rest| {
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        rest.is_empty() || rest.split('/').all(|part| !matches!(part, "" | "." | ".."))
    }) && path != "//"
}

/// Takes `/vX.Y` off, as dockerd's `/v{version:[0-9.]+}` does.
fn split_version(path: &str) -> (Option<&str>, &str) {
    let Some(rest) = path.strip_prefix("/v") else { return (None, path) };
    let (version, bare) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let numeric = version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let is_version = !version.is_empty() && numeric && !bare.is_empty();
    if is_version { (Some(version), bare) } else { (None, path) }
}

/// The API version that a request asks for, `1.45` of `/v1.45/info`.
pub(crate) fn version(path: &str) -> Option<String> {
    let path = percent_decode_str(path).decode_utf8_lossy();
    split_version(&path).0.map(str::to_owned)
}

/// What a pattern's first placeholder stands for in a path that matches; empty if it has none.
fn captured<'p>(pattern: &str, path: &'p str) -> Option<&'p str> {
    let Some(at) = pattern.find('{') else {
        return (pattern == path).then_some("");
    };
    let rest = path.strip_prefix(&pattern[..at])?;
    if let Some(tail) = pattern[at..].strip_prefix("{*}") {
        return rest.strip_suffix(tail);
    }
    let tail = pattern[at..].strip_prefix("{}")?;
    let (object, after) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    (!object.is_empty() && captured(tail, after).is_some()).then_some(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(method: &str, path: &str, kind: &str, action: &str, object: Option<&str>) {
        let route = Route::of(&method.parse().unwrap(), path);
        assert_eq!((route.operation.kind, route.operation.action), (kind, action), "{path}");
        assert_eq!(route.object.as_deref(), object, "{path}");
    }

    #[test]
    fn the_version_in_front_is_optional() {
        reads("HEAD", "/_ping", "system", "ping", None);
        reads("GET", "/v1.45/_ping", "system", "ping", None);
        reads("GET", "/v1/info", "system", "info", None);
        reads("GET", "/vx/info", "unknown", "unknown", None);
        reads("GET", "/v1.45", "unknown", "unknown", None);
    }

    #[test]
    fn a_version_is_read_where_there_is_one() {
        for (path, expected) in [
            ("/v1.45/info", Some("1.45")),
            ("/%761.40/info", Some("1.40")),
            ("/info", None),
            ("/v1.45", None),
            ("/v/info", None),
        ] {
            assert_eq!(version(path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn services_are_told_apart_from_the_word_create() {
        reads("POST", "/v1.41/services/create", "service", "create", None);
        reads("POST", "/services/web/update", "service", "update", Some("web"));
        reads("POST", "/services/create/update", "service", "update", Some("create"));
        reads("DELETE", "/services/0b1c", "service", "remove", Some("0b1c"));
        reads("DELETE", "/services/a/b", "unknown", "unknown", None);
    }

    #[test]
    fn names_may_hold_slashes_where_docker_allows_them() {
        reads(
            "GET",
            "/images/registry:5000/team/app:1/json",
            "image",
            "inspect",
            Some("registry:5000/team/app:1"),
        );
        reads("POST", "/containers/web/attach", "container", "attach", Some("web"));
        reads("DELETE", "/containers/a/checkpoints/b", "container", "remove-checkpoint", Some("a"));
    }

    #[test]
    fn the_first_row_decides_as_in_dockerd() {
        reads("GET", "/containers/json", "container", "list", None);
        reads("GET", "/containers/json/json", "container", "inspect", Some("json"));
        reads("POST", "/containers/create", "container", "create", None);
    }

    #[test]
    fn paths_are_decoded_before_they_are_read() {
        reads("POST", "/%73ervices/create", "service", "create", None);
        reads("DELETE", "/services/%77eb", "service", "remove", Some("web"));
        reads("GET", "/images/a%2Fb/json", "image", "inspect", Some("a/b"));
    }

    #[test]
    fn a_path_that_dockerd_redirects_is_unknown() {
        for path in [
            "//services/create",
            "/services//create",
            "/./services/create",
            "/x/../info",
            "/x/%2e%2e/services/create",
            "//",
            "services/create",
        ] {
            reads("POST", path, "unknown", "unknown", None);
        }
        reads("POST", "/services/create/", "unknown", "unknown", None);
        reads("GET", "/networks/", "network", "list", None);
    }

    #[test]
    fn other_methods_on_a_known_path_are_unknown() {
        reads("HEAD", "/info", "unknown", "unknown", None);
        reads("PATCH", "/services/create", "unknown", "unknown", None);
        reads("OPTIONS", "/info", "system", "options", None);
    }
}

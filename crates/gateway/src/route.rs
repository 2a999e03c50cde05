//! What a request asks for: an [`Operation`] on an object, read from method and path.
//!
//! The table is dockerd's own, in dockerd's order
//! (<https://github.com/moby/moby/tree/master/daemon/server/router>): the first row that matches
//! decides, with and without `/vX.Y` in front. Paths are percent-decoded first, because dockerd
//! matches decoded paths.
//!
//! Nothing here is repaired. dockerd answers a path with `//`, `/./` or `/../` in it by a redirect
//! and acts on nothing (<https://github.com/gorilla/mux/blob/v1.8.1/mux.go#L175>), so such a path
//! is an unknown operation here as well, and goes out as it came in.

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;

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
        let bare = without_version(&path);
        TABLE
            .iter()
            .filter(|row| row.0 == method.as_str())
            .find_map(|row| Some(Self::on(row.2, row.3, captured(row.1, bare)?)))
            .unwrap_or_else(Self::unknown)
    }

    fn on(kind: &'static str, action: &'static str, object: Captured<'_>) -> Self {
        Self {
            operation: Operation::new(kind, action),
            object: object.0.map(Cow::into_owned).filter(|object| !object.is_empty()),
        }
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
fn without_version(path: &str) -> &str {
    let Some(rest) = path.strip_prefix("/v") else { return path };
    let version = rest.find('/').unwrap_or(rest.len());
    let numeric = rest[..version].bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if version > 0 && numeric && version < rest.len() { &rest[version..] } else { path }
}

/// What a pattern's first placeholder stood for, in a path that matches.
struct Captured<'p>(Option<Cow<'p, str>>);

/// Matches one pattern: `{}` stands for one part of the path, `{*}` for any number of them.
fn captured<'p>(pattern: &str, path: &'p str) -> Option<Captured<'p>> {
    let Some(at) = pattern.find('{') else {
        return (pattern == path).then_some(Captured(None));
    };
    let rest = path.strip_prefix(&pattern[..at])?;
    if let Some(tail) = pattern[at..].strip_prefix("{*}") {
        return rest.strip_suffix(tail).map(|object| Captured(Some(object.into())));
    }
    let tail = pattern[at..].strip_prefix("{}")?;
    let end = rest.find('/').unwrap_or(rest.len());
    let object = &rest[..end];
    (!object.is_empty() && captured(tail, &rest[end..]).is_some())
        .then(|| Captured(Some(object.into())))
}

/// Method, path, kind, action.
type Row = (&'static str, &'static str, &'static str, &'static str);

#[rustfmt::skip]
const TABLE: &[Row] = &[
    ("GET",    "/containers/{*}/checkpoints",   "container", "list-checkpoints"),
    ("POST",   "/containers/{*}/checkpoints",   "container", "create-checkpoint"),
    ("DELETE", "/containers/{}/checkpoints/{}", "container", "remove-checkpoint"),

    ("HEAD",   "/containers/{*}/archive",   "container", "stat-path"),
    ("GET",    "/containers/json",          "container", "list"),
    ("GET",    "/containers/{*}/export",    "container", "export"),
    ("GET",    "/containers/{*}/changes",   "container", "changes"),
    ("GET",    "/containers/{*}/json",      "container", "inspect"),
    ("GET",    "/containers/{*}/top",       "container", "top"),
    ("GET",    "/containers/{*}/logs",      "container", "logs"),
    ("GET",    "/containers/{*}/stats",     "container", "stats"),
    ("GET",    "/containers/{*}/attach/ws", "container", "attach-websocket"),
    ("GET",    "/exec/{*}/json",            "exec",      "inspect"),
    ("GET",    "/containers/{*}/archive",   "container", "copy-from"),
    ("POST",   "/containers/create",        "container", "create"),
    ("POST",   "/containers/{*}/kill",      "container", "kill"),
    ("POST",   "/containers/{*}/pause",     "container", "pause"),
    ("POST",   "/containers/{*}/unpause",   "container", "unpause"),
    ("POST",   "/containers/{*}/restart",   "container", "restart"),
    ("POST",   "/containers/{*}/start",     "container", "start"),
    ("POST",   "/containers/{*}/stop",      "container", "stop"),
    ("POST",   "/containers/{*}/wait",      "container", "wait"),
    ("POST",   "/containers/{*}/resize",    "container", "resize"),
    ("POST",   "/containers/{*}/attach",    "container", "attach"),
    ("POST",   "/containers/{*}/copy",      "container", "copy-from"),
    ("POST",   "/containers/{*}/exec",      "container", "exec"),
    ("POST",   "/exec/{*}/start",           "exec",      "start"),
    ("POST",   "/exec/{*}/resize",          "exec",      "resize"),
    ("POST",   "/containers/{*}/rename",    "container", "rename"),
    ("POST",   "/containers/{*}/update",    "container", "update"),
    ("POST",   "/containers/prune",         "container", "prune"),
    ("POST",   "/commit",                   "container", "commit"),
    ("PUT",    "/containers/{*}/archive",   "container", "copy-into"),
    ("DELETE", "/containers/{*}",           "container", "remove"),

    ("GET",    "/images/json",              "image", "list"),
    ("GET",    "/images/search",            "image", "search"),
    ("GET",    "/images/get",               "image", "save"),
    ("GET",    "/images/{*}/get",           "image", "save"),
    ("GET",    "/images/{*}/history",       "image", "history"),
    ("GET",    "/images/{*}/json",          "image", "inspect"),
    ("GET",    "/images/{*}/attestations",  "image", "attestations"),
    ("POST",   "/images/load",              "image", "load"),
    ("POST",   "/images/create",            "image", "pull"),
    ("POST",   "/images/{*}/push",          "image", "push"),
    ("POST",   "/images/{*}/tag",           "image", "tag"),
    ("POST",   "/images/prune",             "image", "prune"),
    ("DELETE", "/images/{*}",               "image", "remove"),

    ("GET",    "/_ping",     "system", "ping"),
    ("HEAD",   "/_ping",     "system", "ping"),
    ("GET",    "/events",    "system", "events"),
    ("GET",    "/info",      "system", "info"),
    ("GET",    "/version",   "system", "version"),
    ("GET",    "/system/df", "system", "disk-usage"),
    ("POST",   "/auth",      "system", "log-in"),

    ("GET",    "/volumes",        "volume", "list"),
    ("GET",    "/volumes/{*}",    "volume", "inspect"),
    ("POST",   "/volumes/create", "volume", "create"),
    ("POST",   "/volumes/prune",  "volume", "prune"),
    ("PUT",    "/volumes/{*}",    "volume", "update"),
    ("DELETE", "/volumes/{*}",    "volume", "remove"),

    ("POST",   "/build",        "build", "start"),
    ("POST",   "/build/prune",  "build", "prune"),
    ("POST",   "/build/cancel", "build", "cancel"),
    ("POST",   "/session",      "build", "session"),
    ("POST",   "/grpc",         "build", "grpc"),

    ("POST",   "/swarm/init",           "swarm",   "init"),
    ("POST",   "/swarm/join",           "swarm",   "join"),
    ("POST",   "/swarm/leave",          "swarm",   "leave"),
    ("GET",    "/swarm",                "swarm",   "inspect"),
    ("GET",    "/swarm/unlockkey",      "swarm",   "unlock-key"),
    ("POST",   "/swarm/update",         "swarm",   "update"),
    ("POST",   "/swarm/unlock",         "swarm",   "unlock"),
    ("GET",    "/services",             "service", "list"),
    ("GET",    "/services/{}",          "service", "inspect"),
    ("POST",   "/services/create",      "service", "create"),
    ("POST",   "/services/{}/update",   "service", "update"),
    ("DELETE", "/services/{}",          "service", "remove"),
    ("GET",    "/services/{}/logs",     "service", "logs"),
    ("GET",    "/nodes",                "node",    "list"),
    ("GET",    "/nodes/{}",             "node",    "inspect"),
    ("DELETE", "/nodes/{}",             "node",    "remove"),
    ("POST",   "/nodes/{}/update",      "node",    "update"),
    ("GET",    "/tasks",                "task",    "list"),
    ("GET",    "/tasks/{}",             "task",    "inspect"),
    ("GET",    "/tasks/{}/logs",        "task",    "logs"),
    ("GET",    "/secrets",              "secret",  "list"),
    ("POST",   "/secrets/create",       "secret",  "create"),
    ("DELETE", "/secrets/{}",           "secret",  "remove"),
    ("GET",    "/secrets/{}",           "secret",  "inspect"),
    ("POST",   "/secrets/{}/update",    "secret",  "update"),
    ("GET",    "/configs",              "config",  "list"),
    ("POST",   "/configs/create",       "config",  "create"),
    ("DELETE", "/configs/{}",           "config",  "remove"),
    ("GET",    "/configs/{}",           "config",  "inspect"),
    ("POST",   "/configs/{}/update",    "config",  "update"),

    ("GET",    "/plugins",              "plugin", "list"),
    ("GET",    "/plugins/{*}/json",     "plugin", "inspect"),
    ("GET",    "/plugins/privileges",   "plugin", "privileges"),
    ("DELETE", "/plugins/{*}",          "plugin", "remove"),
    ("POST",   "/plugins/{*}/enable",   "plugin", "enable"),
    ("POST",   "/plugins/{*}/disable",  "plugin", "disable"),
    ("POST",   "/plugins/pull",         "plugin", "pull"),
    ("POST",   "/plugins/{*}/push",     "plugin", "push"),
    ("POST",   "/plugins/{*}/upgrade",  "plugin", "upgrade"),
    ("POST",   "/plugins/{*}/set",      "plugin", "set"),
    ("POST",   "/plugins/create",       "plugin", "create"),

    ("GET",    "/distribution/{*}/json", "distribution", "inspect"),

    ("GET",    "/networks",                "network", "list"),
    ("GET",    "/networks/",               "network", "list"),
    ("GET",    "/networks/{*}",            "network", "inspect"),
    ("POST",   "/networks/create",         "network", "create"),
    ("POST",   "/networks/{*}/connect",    "network", "connect"),
    ("POST",   "/networks/{*}/disconnect", "network", "disconnect"),
    ("POST",   "/networks/prune",          "network", "prune"),
    ("DELETE", "/networks/{*}",            "network", "remove"),

    ("GET",    "/debug/{*}", "system", "debug"),
];

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

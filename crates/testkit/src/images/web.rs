//! A web server as people deploy it, which misbehaves on request, and the proxy in front of it.

use job::Result;
use serde_json::{Value, json};

use super::Image;
use super::layer::{Entry, Layer};
use super::programs::{self, PATH};

/// The port that every web server here listens on.
pub const WEB_PORT: u16 = 8000;

/// The port that `proxy:test` listens on.
pub const PROXY_PORT: u16 = 8080;

const WEB: &str = include_str!("web.sh");
const HEALTH: &str = include_str!("web-health.sh");
const PROXY: &str = include_str!("haproxy.cfg");

/// What `web.sh` reads, with the values that suit a well-behaved server.
const WELL_BEHAVED: [&str; 5] = ["LISTEN_AFTER=1", "CRASH_AFTER=", "EXIT=1", "BROKEN=", "DEAF="];

/// - `web:v1`, `web:v2`: answer with their version and host name, listen after one second, are
///   healthy by a HEALTHCHECK as soon as they listen, and serve on for a second after SIGTERM,
/// - `web:bare-v1`, `web:bare-v2`: the same without a HEALTHCHECK, and they end at once on SIGTERM.
///
/// All of them do otherwise as their environment says: `LISTEN_AFTER`, `LINGER`, `DEAF`,
/// `CRASH_AFTER`, `EXIT`, `BROKEN`. They listen on [`WEB_PORT`].
///
/// # Errors
///
/// There is no static busybox on this machine.
pub async fn web() -> Result<Vec<Image>> {
    let scripts = Layer::of(&[
        Entry::Text { path: "usr/local/bin/web", mode: 0o755, text: WEB },
        Entry::Text { path: "usr/local/bin/web-health", mode: 0o755, text: HEALTH },
    ])?;
    let layers = vec![programs::busybox().await?, scripts];
    let image = |tag, config| Image::new(tag, layers.clone(), config);
    Ok(vec![
        image("web:v1", checked(serving("v1", "1"))),
        image("web:v2", checked(serving("v2", "1"))),
        image("web:bare-v1", serving("bare-v1", "")),
        image("web:bare-v2", serving("bare-v2", "")),
    ])
}

/// `proxy:test`: Debian's haproxy, which spreads the requests on [`PROXY_PORT`] over the tasks of the
/// service `$SERVICE` that listen on `$PORT`.
///
/// It asks the engine's name server for `tasks.$SERVICE` twice a second, as `HAProxy` is set up in front
/// of swarm services
/// (<https://www.haproxy.com/blog/haproxy-on-docker-swarm-load-balancing-and-dns-service-discovery>),
/// and tries no request twice: what it is given to forward and can't, is lost.
///
/// # Errors
///
/// There is no static busybox or no haproxy on this machine.
pub async fn reverse_proxy() -> Result<Image> {
    let configuration =
        Layer::of(&[Entry::Text { path: "etc/haproxy.cfg", mode: 0o644, text: PROXY }])?;
    let layers =
        vec![programs::busybox().await?, programs::program("haproxy").await?, configuration];
    let config = json!({
        "Cmd": ["haproxy", "-W", "-db", "-f", "/etc/haproxy.cfg"],
        "Env": [PATH, format!("PORT={WEB_PORT}")],
        "ExposedPorts": { format!("{PROXY_PORT}/tcp"): {} },
    });
    Ok(Image::new("proxy:test", layers, config))
}

fn serving(version: &str, linger: &str) -> Value {
    let own = [format!("VERSION={version}"), format!("LINGER={linger}")];
    let same = [PATH].into_iter().chain(WELL_BEHAVED).map(str::to_owned);
    let environment: Vec<_> = same.chain(own).collect();
    json!({
        "Cmd": ["sh", "/usr/local/bin/web"],
        "Env": environment,
        "ExposedPorts": { format!("{WEB_PORT}/tcp"): {} },
    })
}

/// Durations are in nanoseconds.
fn checked(mut config: Value) -> Value {
    config["Healthcheck"] = json!({
        "Test": ["CMD", "sh", "/usr/local/bin/web-health"],
        "Interval": 500_000_000,
        "Timeout": 10_000_000_000_i64,
        "StartPeriod": 2_000_000_000_i64,
        "Retries": 2,
    });
    config
}

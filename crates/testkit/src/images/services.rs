//! What a job lists as `services:`: good ones, slow ones and broken ones.

use job::Result;
use serde_json::{Value, json};

use super::programs;
use super::{Image, running};

/// The port that every service here exposes.
pub const SERVICE_PORT: u16 = 8000;

/// How the service images listen.
const LISTEN: &str =
    "mkdir -p /www && echo ready >/www/index.html && exec httpd -f -p 8000 -h /www";

/// All of them have a shell and expose [`SERVICE_PORT`]:
///
/// - `service:slow` listens there after one second,
/// - `service:deaf` runs and never listens,
/// - `service:healthy` never listens and is healthy by its HEALTHCHECK after one second,
/// - `service:unhealthy` listens at once, but its HEALTHCHECK says `the disk is on fire` and fails,
/// - `service:crash` says `no configuration: giving up` on stderr and exits with 3.
///
/// # Errors
///
/// There is no static busybox on this machine.
pub async fn services() -> Result<Vec<Image>> {
    let base = programs::busybox().await?;
    let image = |tag, config| Image::new(tag, vec![base.clone()], config);
    Ok(vec![
        image("service:slow", exposing(&format!("sleep 1; {LISTEN}"))),
        image("service:deaf", exposing("exec sleep infinity")),
        image("service:healthy", healthy()),
        image("service:unhealthy", unhealthy()),
        image("service:crash", exposing("echo 'no configuration: giving up' >&2; exit 3")),
    ])
}

fn healthy() -> Value {
    let config = exposing("sleep 1; touch /tmp/healthy; exec sleep infinity");
    checked(config, "test -f /tmp/healthy", 100)
}

fn unhealthy() -> Value {
    checked(exposing(LISTEN), "echo 'the disk is on fire'; exit 1", 1)
}

fn exposing(script: &str) -> Value {
    let mut config = running(script);
    config["ExposedPorts"] = json!({ format!("{SERVICE_PORT}/tcp"): {} });
    config
}

/// Durations are in nanoseconds.
fn checked(mut config: Value, check: &str, retries: u32) -> Value {
    config["Healthcheck"] = json!({
        "Test": ["CMD-SHELL", check],
        "Interval": 200_000_000,
        "Timeout": 5_000_000_000_i64,
        "Retries": retries,
    });
    config
}

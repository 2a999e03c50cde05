//! A look at a service's image, as the manager has it. A manager that does not have it has to be
//! left alone: what the nodes will pull can't be seen from here.

use std::time::Duration;

use docker::Transport;
use docker::transport::{Body, empty};
use http::Request;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::Image;
use crate::body::Streamed;

/// Longest wait for the manager's answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// How much of its answer is read, in bytes.
const LIMIT: usize = 1024 * 1024;

/// What an image's name has beside letters and digits; all else is encoded.
const NAME: AsciiSet =
    NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'/').remove(b':').remove(b'@').remove(b'_');

/// Looks at the image of a specification.
pub(crate) async fn look_at(transport: &Transport, spec: &Value) -> Image {
    let image = spec["TaskTemplate"]["ContainerSpec"]["Image"].as_str().unwrap_or_default();
    let Some(request) = request(image) else { return Image::Unknown };
    let looked = tokio::time::timeout(PATIENCE, ask(transport, request)).await;
    looked.ok().flatten().unwrap_or(Image::Unknown)
}

/// None for a name that would not stay one in a path.
fn request(image: &str) -> Option<Request<Body>> {
    if image.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return None;
    }
    let path = format!("/images/{}/json", utf8_percent_encode(image, &NAME));
    Request::get(path).body(empty()).ok()
}

async fn ask(transport: &Transport, request: Request<Body>) -> Option<Image> {
    let answer = transport.send(request).await.ok()?;
    if answer.status() != http::StatusCode::OK {
        return None;
    }
    let body = Streamed::gather(answer.into_body(), LIMIT).await.ok()?.whole()?;
    let mut image: Value = serde_json::from_slice(&body).ok()?;
    let healthcheck = image.get_mut("Config")?.get_mut("Healthcheck").map(Value::take);
    Some(Image::Known { healthcheck: healthcheck.filter(Value::is_object) })
}

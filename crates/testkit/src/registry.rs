//! An image registry for engines to pull from.
//!
//! As much of the API as a pull asks for: tags, manifests and blobs
//! (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pull>), in plain http, which
//! the nodes accept from this machine. Nothing can be pushed: what is offered is in memory. A private
//! registry gives nothing without its login, which it takes by Basic authentication
//! (<https://www.rfc-editor.org/rfc/rfc7617>).

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use job::Result;
use serde_json::{Value, json};
use tokio_util::task::AbortOnDropHandle;

use crate::images::{Image, sha256};
use crate::web;

/// <https://distribution.github.io/distribution/spec/manifest-v2-2/>
const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";

/// Serves images until dropped.
#[derive(Debug)]
pub struct Registry {
    address: SocketAddr,
    _server: AbortOnDropHandle<()>,
}

/// User and password that open a private registry.
#[derive(Clone, Copy, Debug)]
pub struct Login {
    /// The user.
    pub user: &'static str,
    /// The password.
    pub password: &'static str,
}

/// What is found at a path below `/v2/`.
#[derive(Clone)]
struct Content {
    kind: &'static str,
    digest: String,
    bytes: Bytes,
}

/// What is offered, and to whom.
struct Offer {
    contents: BTreeMap<String, Content>,
    /// The header that opens it.
    key: Option<String>,
}

impl Registry {
    /// Starts to serve images on a free port of one of this machine's addresses; with a login, to
    /// nobody else.
    ///
    /// # Errors
    ///
    /// This machine doesn't have the address, or there is no free port.
    pub async fn start_at(
        address: Ipv4Addr,
        images: &[Image],
        login: Option<Login>,
    ) -> Result<Self> {
        let (listener, address) = web::listen(address).await?;
        let contents = images.iter().flat_map(contents).collect();
        let offer = Arc::new(Offer { contents, key: login.map(Login::header) });
        let answer = move |request| {
            let offer = Arc::clone(&offer);
            async move { offer.answer(&request) }
        };
        let server = AbortOnDropHandle::new(tokio::spawn(web::serve(listener, answer)));
        Ok(Self { address, _server: server })
    }

    /// Host and port, as they stand before an image's name.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The name under which engines pull what is called `image` here.
    pub fn name(&self, image: &str) -> String {
        format!("{}/{image}", self.address)
    }
}

impl Login {
    /// User and password as docker's `config.json` has them.
    pub fn encoded(self) -> String {
        STANDARD.encode(format!("{}:{}", self.user, self.password))
    }

    fn header(self) -> String {
        format!("Basic {}", self.encoded())
    }
}

impl Offer {
    fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let given = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        if self.key.is_some() && given != self.key.as_deref() {
            return unauthorized();
        }
        let path = request.uri().path().strip_prefix("/v2/");
        match path {
            Some("") => Response::new(Full::default()),
            Some(path) => self.contents.get(path).map_or_else(unknown, Content::answer),
            None => unknown(),
        }
    }
}

impl Content {
    fn new(kind: &'static str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { kind, digest: format!("sha256:{}", sha256(&bytes)), bytes }
    }

    fn answer(&self) -> Response<Full<Bytes>> {
        let head = Response::builder().header(CONTENT_TYPE, self.kind);
        let response = head.header("docker-content-digest", &self.digest);
        response.body(Full::new(self.bytes.clone())).unwrap_or_default()
    }

    /// How a manifest refers to it.
    fn descriptor(&self) -> Value {
        json!({ "mediaType": self.kind, "size": self.bytes.len(), "digest": self.digest })
    }
}

/// An image's manifest by tag and by digest, its configuration and its layers, each at its path.
fn contents(image: &Image) -> Vec<(String, Content)> {
    let config = Content::new(CONFIG, image.configuration());
    let layers: Vec<_> = image.layers().map(|tar| Content::new(LAYER, tar)).collect();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.descriptor(),
        "layers": layers.iter().map(Content::descriptor).collect::<Vec<_>>(),
    })
    .to_string();
    let manifest = Content::new(MANIFEST, manifest);
    let mut contents = Vec::new();
    for (repository, tag) in image.tags() {
        let mut add = |kind: &str, name: &str, content: &Content| {
            contents.push((format!("{repository}/{kind}/{name}"), content.clone()));
        };
        add("manifests", tag, &manifest);
        add("manifests", &manifest.digest, &manifest);
        layers.iter().chain([&config]).for_each(|blob| add("blobs", &blob.digest, blob));
    }
    contents
}

fn unauthorized() -> Response<Full<Bytes>> {
    let mut response = refusal(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "authentication required");
    let challenge = http::HeaderValue::from_static("Basic realm=\"testkit\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

fn unknown() -> Response<Full<Bytes>> {
    refusal(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", "manifest unknown")
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response<Full<Bytes>> {
    let errors = json!({ "errors": [{ "code": code, "message": message }] }).to_string();
    let mut response = Response::new(Full::from(errors));
    *response.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

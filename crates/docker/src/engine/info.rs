//! What `GET /info` says, and what follows from it.
//!
//! Only the fields that matter here are read, so that an engine of any version is understood
//! (<https://docs.docker.com/reference/api/engine/version/v1.45/#tag/System/operation/SystemInfo>).

use job::{Failure, Result};
use serde::Deserialize;

use super::ApiVersion;
use crate::cluster::Swarm;
use crate::transport::Target;

/// What is known of an engine that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineFacts {
    /// The host name of its machine.
    pub name: String,
    /// `20.10.24`.
    pub engine_version: String,
    /// The highest API version that it speaks; engines say it in every response.
    pub api_version: Option<ApiVersion>,
    /// The system in its containers, `linux`.
    pub os: String,
    /// Its processor as `uname -m` names it: `x86_64`, `aarch64`.
    pub architecture: String,
    /// Whether it is a manager of a swarm.
    pub is_manager: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Info {
    #[serde(default)]
    name: String,
    server_version: String,
    #[serde(rename = "OSType", default)]
    os_type: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    swarm: Swarm,
    #[serde(skip)]
    pub(super) api_version: Option<ApiVersion>,
}

#[derive(Deserialize)]
struct Message {
    message: String,
}

/// The engine's words in a response that is an error: JSON, or plain text from a hijacked
/// connection.
pub(super) fn message(body: &[u8]) -> Option<String> {
    let json = serde_json::from_slice(body).ok().map(|Message { message }| message);
    json.or_else(|| {
        let text = std::str::from_utf8(body).ok()?.trim();
        (!text.is_empty() && !text.starts_with(['<', '{'])).then(|| text.to_owned())
    })
}

impl Info {
    pub(super) fn parse(body: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(body)
    }

    /// The engine's facts, and what it says of its swarm.
    ///
    /// # Errors
    /// The engine can't run what is run here; blamed on whoever named it.
    pub(crate) fn judge(self, target: &Target) -> Result<(EngineFacts, Swarm)> {
        let swarm = self.swarm;
        let facts = EngineFacts {
            name: self.name,
            engine_version: self.server_version,
            api_version: self.api_version,
            os: self.os_type,
            architecture: self.architecture,
            is_manager: swarm.is_manager(),
        };
        facts.will_do(target).map(|()| (facts, swarm))
    }
}

impl EngineFacts {
    fn will_do(&self, target: &Target) -> Result<()> {
        let source = target.source();
        let unfit = |what: String| Failure::new(source.blame(), format!("{target} {what}"));
        match self.api_version {
            Some(api) if api < ApiVersion::OLDEST => Err(unfit(format!(
                "is too old: {} is Docker Engine {} with API {api}, and API {} is needed",
                self.name,
                self.engine_version,
                ApiVersion::OLDEST
            ))
            .hint(format!("upgrade it to Docker Engine 20.10 or newer, or correct {source}"))),
            _ if self.os != "linux" => Err(unfit(format!(
                "is for {} containers: {} is Docker Engine {}, and Linux containers are needed",
                self.os, self.name, self.engine_version
            ))
            .hint(format!("switch it to Linux containers, or name another engine in {source}"))),
            _ => Ok(()),
        }
    }
}

//! The changes by which a rollout is taken back.

use http::Method;
use job::{Failure, Result};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;

use super::{Swarm, accepted, understood};
use crate::snapshot::{Service, Spec};

#[derive(Deserialize)]
struct Created {
    #[serde(rename = "ID")]
    id: String,
}

impl Swarm {
    /// Asks for the specification of before the last update, as `docker service rollback` does.
    ///
    /// # Errors
    /// The cluster refuses, for one since somebody else was quicker.
    pub async fn roll_back(&self, service: &Service) -> Result<()> {
        self.replace(service, &service.spec.whole, "&rollback=previous").await
    }

    /// Asks for another specification. Registry credentials stay those of before the last update,
    /// if there was one.
    ///
    /// # Errors
    /// The cluster refuses, for one since somebody else was quicker.
    pub async fn update(&self, service: &Service, spec: &Spec) -> Result<()> {
        let credentials =
            if service.previous.is_some() { "&registryAuthFrom=previous-spec" } else { "" };
        self.replace(service, &spec.whole, credentials).await
    }

    /// Removes a service; one that is gone already is no error.
    ///
    /// # Errors
    /// The cluster refuses.
    pub async fn remove(&self, id: &str) -> Result<()> {
        let id = utf8_percent_encode(id, NON_ALPHANUMERIC);
        let answer = self.ask(Method::DELETE, &format!("/services/{id}"), None).await?;
        if answer.status == http::StatusCode::NOT_FOUND {
            return Ok(());
        }
        accepted(answer).map(drop)
    }

    /// Creates a service, and tells its ID.
    ///
    /// # Errors
    /// The cluster refuses, for one since a secret, a config or a network is gone.
    pub async fn create(&self, spec: &Spec) -> Result<String> {
        let answer = self.ask(Method::POST, "/services/create", Some(written(&spec.whole)?)).await;
        let answer = accepted(answer?)?;
        let created: Created = understood(&answer, |json| serde_json::from_slice(json))?;
        Ok(created.id)
    }

    async fn replace(&self, service: &Service, whole: &Value, how: &str) -> Result<()> {
        let id = utf8_percent_encode(&service.id, NON_ALPHANUMERIC);
        let path = format!("/services/{id}/update?version={}{how}", service.version);
        accepted(self.ask(Method::POST, &path, Some(written(whole)?)).await?).map(drop)
    }
}

fn written(spec: &Value) -> Result<Vec<u8>> {
    serde_json::to_vec(spec)
        .map_err(|error| Failure::system("cannot write a specification").caused_by(error))
}

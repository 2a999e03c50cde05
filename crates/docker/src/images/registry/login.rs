//! A login at a registry, and how the engine is told of it.

use bollard::auth::DockerCredentials;
use job::{ExposeSecret, Secret};

use super::Origin;
use crate::images::reference::DOCKER_HUB;

/// The address under which engines know Docker Hub; one with another is taken for another
/// registry's (<https://github.com/moby/moby/blob/master/daemon/containerd/resolver.go>).
const DOCKER_HUB_ADDRESS: &str = "https://index.docker.io/v1/";

/// Who to be at a registry. `Debug` masks what is secret.
#[derive(Clone, Debug)]
pub struct Login {
    access: Access,
    origin: Origin,
    address: String,
}

/// What opens a registry.
#[derive(Clone, Debug)]
pub(super) enum Access {
    Password {
        username: String,
        password: Secret,
    },
    /// A token that the registry's token service takes for a user's.
    Identity(Secret),
    /// A token that the registry itself takes.
    Registry(Secret),
}

impl Login {
    pub(super) fn new(access: Access, origin: Origin, domain: &str) -> Self {
        let address = if domain == DOCKER_HUB { DOCKER_HUB_ADDRESS } else { domain }.to_owned();
        Self { access, origin, address }
    }

    /// Where it came from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// For the one request that needs it: bollard has no secrets.
    pub(in crate::images) fn for_engine(&self) -> DockerCredentials {
        let exposed = |secret: &Secret| Some(secret.expose_secret().to_owned());
        let whole =
            DockerCredentials { serveraddress: Some(self.address.clone()), ..Default::default() };
        match &self.access {
            Access::Password { username, password } => DockerCredentials {
                username: Some(username.clone()),
                password: exposed(password),
                ..whole
            },
            Access::Identity(token) => DockerCredentials { identitytoken: exposed(token), ..whole },
            Access::Registry(token) => DockerCredentials { registrytoken: exposed(token), ..whole },
        }
    }
}

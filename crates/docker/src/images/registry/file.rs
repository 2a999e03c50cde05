//! Docker's `config.json`, as far as it is about registries
//! (<https://github.com/docker/cli/blob/master/cli/config/configfile/file.go>).
//!
//! Errors tell a place or a key, never what is there.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use job::Secret;
use serde::Deserialize;
use thiserror::Error;
use zeroize::Zeroizing;

use super::helper::Helper;
use super::login::Access;

/// A docker config whose entries are well-formed.
pub(super) struct ConfigFile {
    /// What the file itself holds, by server.
    pub(super) known: BTreeMap<String, Entry>,
    /// `credsStore`: the helper for every server.
    pub(super) store: Option<String>,
    /// `credHelpers`: helpers by server.
    pub(super) helpers: BTreeMap<String, String>,
}

/// How to log in at one server.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    Known(Access),
    Helper(Helper),
}

#[derive(Debug, Error)]
pub(super) enum FileError {
    #[error("it is not a docker config: line {line}, column {column} is not as expected")]
    Malformed { line: usize, column: usize },
    #[error("its \"auth\" for {server} is not the base64 of user:password")]
    Auth { server: String },
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Written {
    auths: Option<BTreeMap<String, WrittenEntry>>,
    #[serde(rename = "credsStore")]
    store: Option<String>,
    #[serde(rename = "credHelpers")]
    helpers: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WrittenEntry {
    auth: Zeroizing<String>,
    username: String,
    password: Zeroizing<String>,
    identitytoken: Zeroizing<String>,
    registrytoken: Zeroizing<String>,
}

impl ConfigFile {
    /// Reads a config. The empty text is an empty config, as an unset variable's is.
    pub(super) fn parse(text: &[u8]) -> Result<Self, FileError> {
        if text.trim_ascii().is_empty() {
            return Ok(Self { known: BTreeMap::new(), store: None, helpers: BTreeMap::new() });
        }
        let written: Written = serde_json::from_slice(text)
            .map_err(|error| FileError::Malformed { line: error.line(), column: error.column() })?;
        let mut known = BTreeMap::new();
        for (server, entry) in written.auths.unwrap_or_default() {
            if let Some(access) = entry.access(&server)? {
                known.insert(server, Entry::Known(access));
            }
        }
        Ok(Self {
            known,
            store: written.store.filter(|store| !store.is_empty()),
            helpers: written.helpers.unwrap_or_default(),
        })
    }
}

impl WrittenEntry {
    /// What the entry holds: nothing, if docker left it empty because a helper has it.
    fn access(&self, server: &str) -> Result<Option<Access>, FileError> {
        Ok(if !self.identitytoken.is_empty() {
            Some(Access::Identity(secret(&self.identitytoken)))
        } else if !self.registrytoken.is_empty() {
            Some(Access::Registry(secret(&self.registrytoken)))
        } else if !self.auth.is_empty() {
            let decoded = self.decoded();
            Some(decoded.ok_or_else(|| FileError::Auth { server: server.to_owned() })?)
        } else if !self.username.is_empty() {
            let username = self.username.clone();
            Some(Access::Password { username, password: secret(&self.password) })
        } else {
            None
        })
    }

    fn decoded(&self) -> Option<Access> {
        let bytes = Zeroizing::new(STANDARD.decode(self.auth.as_bytes()).ok()?);
        let (username, password) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
        let (username, password) = (username.to_owned(), secret(password.trim_matches('\0')));
        (!username.is_empty()).then_some(Access::Password { username, password })
    }
}

fn secret(text: &str) -> Secret {
    text.to_owned().into()
}
